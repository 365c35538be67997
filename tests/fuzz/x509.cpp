// What a renewal reads of requests, public keys and certificates: whatever the bytes, it ends, stays inside them, and a
// key that it tells stands in them.
#include <algorithm>
#include <cstdlib>

#include "applet/x509.h"

namespace {

using namespace sealkey;

void must(bool good) {
    if (!good) std::abort();
}

void must_contain(Bytes data, const crypto::PublicKey& key) {
    const Bytes bytes = key.bytes();
    must(!bytes.empty());
    must(std::search(data.begin(), data.end(), bytes.begin(), bytes.end()) != data.end());
}

void read_as_certificate(Bytes data) {
    const DerMemory source(data);
    const auto certificate = applet::read_certificate(source, 0, static_cast<std::uint32_t>(data.size()));
    if (!certificate) return;
    for (const DerItem& item : {certificate->signed_part, certificate->public_key, certificate->signature}) {
        must(item.begin <= item.end && item.end <= data.size());
    }
    crypto::PublicKey key;
    if (!applet::read_public_key_info(source, certificate->public_key, key)) return;
    must_contain(data, key);
    // By its own key, as a root has it; most aren't.
    (void)applet::verify_certificate(source, *certificate, key).ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Bytes rest(data + 1, size - 1);
    crypto::PublicKey key;
    switch (data[0] % 3) {
        case 0:
            if (applet::read_request_info(rest, key)) must_contain(rest, key);
            break;
        case 1:
            read_as_certificate(rest);
            break;
        default: {
            const DerMemory source(rest);
            DerCursor reader(source, 0, static_cast<std::uint32_t>(rest.size()));
            const auto item = reader.next(der::sequence);
            if (item && applet::read_public_key_info(source, *item, key)) must_contain(rest, key);
        }
    }
    return 0;
}
