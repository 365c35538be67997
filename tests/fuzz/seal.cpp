// Seals as a key or a file may hold them: SealError or a seal that reads the same again, and never one that verifies
// without being what a maker signed.
#include "seal/seal.h"

#include <cstdlib>

#include "seal/picture.h"

using namespace sealkey;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const seal::Seal first = seal::parse_seal({data, size});
        const seal::Seal again = seal::parse_seal(first.der);
        if (again.info_der != first.info_der || again.signature != first.signature) std::abort();
        if (first.der.size() != size || first.info.name.empty()) std::abort();
        if (first.info.certificates.empty() == first.info.digests.empty()) std::abort();
        try {
            seal::verify_signature(first);
        } catch (const seal::SealError&) {
        }
        if (first.info.picture.type == "PNG") (void)seal::decode_png(first.info.picture.data);
    } catch (const seal::SealError&) {
    }
    return 0;
}
