// The manifest of a renewal: what is read as one is written again to the same bytes, so that there is one form of it.
#include <cstdlib>
#include <vector>

#include "applet/manifest.h"
#include "base/tlv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sealkey;
    namespace mt = protocol::manifest_tag;
    const Bytes input(data, size);
    const auto manifest = applet::parse_manifest(input);
    if (!manifest) return 0;
    std::vector<std::uint8_t> again(size + 16);
    TlvWriter writer(again);
    writer.put_byte(mt::version, protocol::kManifestVersion)
        .put(mt::serial, manifest->serial)
        .put(mt::rid, manifest->rid)
        .put_byte(mt::roles, manifest->roles)
        .put(mt::certificates, manifest->certificates);
    if (manifest->seal) writer.put(mt::seal, *manifest->seal);
    if (manifest->record) writer.put(mt::record, *manifest->record);
    if (manifest->issuer) writer.put(mt::issuer, *manifest->issuer);
    writer.put(mt::guid, manifest->guid);
    if (!equal(writer.bytes(), manifest->signed_part)) std::abort();
    writer.put(mt::signature, manifest->signature);
    if (!writer.ok() || !equal(writer.bytes(), input)) std::abort();
    return 0;
}
