// Data objects: reading (streamed from flash), writing (block by block for long ones), and those that the token makes
// itself. SP 800-73-4 part 1, 3 and appendix A.
#pragma once

#include <optional>

#include "applet/commands.h"
#include "applet/lock.h"
#include "applet/state.h"
#include "crypto/hash.h"
#include "iso7816/response.h"

namespace sealkey::applet {

// Reads a stored object's value while the host collects it.
class ObjectSource final : public iso7816::ResponseSource {
public:
    explicit ObjectSource(const store::Store& store) : store_(store) {}
    void open(ObjectId object, std::uint32_t start) {
        object_ = object;
        start_ = start;
    }
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) override {
        return store_.read(object_, start_ + offset, out).ok();
    }

private:
    const store::Store& store_;
    ObjectId object_ = 0;
    std::uint32_t start_ = 0;
};

[[nodiscard]] StatusWord run_get_data(Core& core, const GetData& command, ObjectSource& source,
                                      iso7816::Response& response);
[[nodiscard]] StatusWord run_read_part(Core& core, const ReadPart& command, ObjectSource& source,
                                       iso7816::Response& response);

// Longest value of a data object.
[[nodiscard]] std::uint32_t object_limit(std::uint32_t tag);

// PUT DATA. Nothing of the new value is seen before its last block is there, and the old one reads until then.
class ObjectWriter {
public:
    explicit ObjectWriter(Core& core) : core_(core) {}

    // As iso7816::Application::stream_block.
    [[nodiscard]] StatusWord block(const iso7816::Header& header, Bytes block, bool first, bool last,
                                   MutableBytes scratch);
    // WRITE PART: a value in parts, each a command of its own.
    [[nodiscard]] StatusWord part(const WritePart& command);
    void abandon();

private:
    [[nodiscard]] StatusWord begin(const iso7816::Header& header, Bytes& block);
    [[nodiscard]] StatusWord open(std::uint32_t tag, std::uint32_t size, bool streaming);
    [[nodiscard]] StatusWord append(Bytes piece, MutableBytes scratch);
    [[nodiscard]] StatusWord finish(Bytes scratch);

    Core& core_;
    bool open_ = false;
    bool parts_ = false;      // by WRITE PART, not by the blocks of one PUT DATA
    bool streaming_ = false;  // through the store, because it is longer than the command buffer
    std::uint32_t tag_ = 0;
    std::uint32_t size_ = 0;
    std::uint32_t received_ = 0;
    std::optional<crypto::Sha256> hash_;
};

// Puts an object in a change that is open, with what follows from it: the slot's or the watched record, Key History.
// `digest` is SHA-256 over the value; an empty value removes the object.
[[nodiscard]] Status record_object(Core& core, Change& change, std::uint32_t tag, std::uint32_t size,
                                   const crypto::Sha256Digest& digest);
// Removes the certificate that stands in a slot, in a change that is open.
[[nodiscard]] Status remove_certificate(Core& core, Change& change, std::size_t slot);

// The CHUID as every token has it, with this GUID (16 bytes), in a change that is open.
[[nodiscard]] Status put_chuid(Change& change, Bytes guid);
inline constexpr std::uint32_t kMaxOwnChuid = 64;

// The objects that every token has from birth: CHUID with this GUID, CCC, an empty Key History.
[[nodiscard]] Status put_birth_objects(Core& core, Change& change, Bytes guid);
inline constexpr std::uint32_t kBirthObjectsSize = 192;  // payload; three objects

}  // namespace sealkey::applet
