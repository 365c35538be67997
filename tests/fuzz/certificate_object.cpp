// Certificate objects as a token may send them, gzip ones included: TokenError or a certificate, and never more memory
// than an object is worth.
#include "token/certificate_object.h"

#include <cstdlib>

#include "token/error.h"

using namespace sealkey;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const auto der = token::certificate_of_object({data, size});
        if (der.empty()) std::abort();
        const auto object = token::object_of_certificate(der);
        if (token::certificate_of_object(object) != der) std::abort();
    } catch (const token::TokenError&) {
    }
    if (size > 0) {
        try {
            if (token::certificate_tag(data[0]) == 0) std::abort();
        } catch (const token::TokenError&) {
        }
    }
    return 0;
}
