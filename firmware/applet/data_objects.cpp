#include "applet/data_objects.h"

#include <algorithm>
#include <array>

#include "applet/access.h"
#include "applet/attestation.h"
#include "applet/staging.h"
#include "base/tlv.h"

namespace sealkey::applet {

namespace {

namespace object = protocol::object;
namespace tag = protocol::tag;

// Up to here a value waits in the command buffer and is put in one piece; longer ones go to flash as they come.
constexpr std::uint32_t kBufferedLimit = 2048;

// Discovery object (SP 800-73-4 part 1, 3.3.2): the application's name; the PIV PIN alone is used.
constexpr std::uint8_t kDiscovery[] = {0x7E, 0x12, 0x4F, 0x0B, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00,
                                       0x00, 0x10, 0x00, 0x01, 0x00, 0x5F, 0x2F, 0x02, 0x40, 0x00};

// CHUID (SP 800-73-4 part 1, 3.1.2) with the FASC-N of cards that are no federal ones, and no signature.
constexpr std::uint8_t kFascN[] = {0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83, 0x68,
                                   0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB};
constexpr char kChuidExpiry[] = "20991231";

// Card capability container (SP 800-73-4 part 1, 3.1.1): card identifier, then the mandatory elements.
constexpr std::uint8_t kCccIdHead[] = {0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02};
constexpr std::size_t kCccIdSize = 21;
constexpr std::uint8_t kCccRest[] = {0xF1, 0x01, 0x21, 0xF2, 0x01, 0x21, 0xF3, 0x00, 0xF4, 0x01,
                                     0x00, 0xF5, 0x01, 0x10, 0xF6, 0x00, 0xF7, 0x00, 0xFA, 0x00,
                                     0xFB, 0x00, 0xFC, 0x00, 0xFD, 0x00, 0xFE, 0x00};

constexpr std::uint32_t kKeyHistorySize = 8;

// Key History (SP 800-73-4 part 1, 3.3.3). Certificates are counted up to the last retired slot that has one, so that a
// reader that goes through 5FC10D and on finds them all even when one in between is gone.
Status put_key_history(Core& core, Change& change) {
    std::uint8_t last = 0;
    for (std::size_t i = kFirstSlots.size(); i < kSlotCount; ++i) {
        if (core.state.slots[i].certificate_size > 0) last = static_cast<std::uint8_t>(i - kFirstSlots.size() + 1);
    }
    const std::uint8_t value[kKeyHistorySize] = {0xC1, 0x01, last, 0xC2, 0x01, 0x00, 0xFE, 0x00};
    return change.transaction().put(*object_id(object::key_history), value);
}

bool is_shipping_device_certificate(const Core& core, std::uint32_t wanted) {
    return wanted == object::cert_attestation && core.state.config.profile == Profile::shipping;
}

// Written once, like the key that it is for, and therefore looked at before it is taken.
bool device_certificate_is_final(const Core& core, std::uint32_t wanted) {
    return is_shipping_device_certificate(core, wanted) && core.store.contains(*object_id(wanted));
}

bool is_retired(std::size_t slot) { return slot >= kFirstSlots.size(); }

bool is_computed(std::uint32_t wanted) { return wanted == object::lock_statement || wanted == object::renewal_status; }

constexpr std::size_t kMaxComputed = std::max(protocol::kLockStatementSize, kMaxStagingStatus);

// The value of an object that the token makes up.
StatusWord get_computed(const Core& core, std::uint32_t wanted, MutableBytes out, std::size_t& size) {
    if (wanted == object::renewal_status) {
        size = staging_status(core, out);
        return size == 0 ? sw::internal_error : sw::ok;
    }
    const auto statement = lock_statement(core);
    if (!statement) return status_word(statement.error());
    std::copy(statement->begin(), statement->end(), out.begin());
    size = statement->size();
    return sw::ok;
}

// 6A82 for a tag that names nothing, for the absent and for the computed ones that have nothing to say.
StatusWord value_size(const Core& core, std::uint32_t wanted, std::uint32_t& size) {
    const auto stored = stored_object(core.state, wanted);
    if (!stored) return sw::file_not_found;
    const auto found = core.store.size(*stored);
    if (!found) return status_word(found.error());
    size = *found;
    return sw::ok;
}

}  // namespace

StatusWord run_get_data(Core& core, const GetData& command, ObjectSource& source, iso7816::Response& response) {
    if (const StatusWord status = check_access(core, Right::read_object, command.tag); status != sw::ok) return status;
    if (command.tag == object::discovery) return response.set(kDiscovery);
    if (is_computed(command.tag)) {
        std::array<std::uint8_t, kMaxComputed> value{};
        std::size_t n = 0;
        if (const StatusWord status = get_computed(core, command.tag, value, n); status != sw::ok) return status;
        TlvWriter writer(response.head_buffer());
        return response.set(writer.put(tag::data, {value.data(), n}));
    }
    std::uint32_t size = 0;
    if (const StatusWord status = value_size(core, command.tag, size); status != sw::ok) return status;
    TlvWriter writer(response.head_buffer());
    if (const StatusWord status = response.set(writer.header(tag::data, size)); status != sw::ok) return status;
    source.open(*stored_object(core.state, command.tag), 0);
    response.set_body(source, size);
    return sw::ok;
}

StatusWord run_read_part(Core& core, const ReadPart& command, ObjectSource& source, iso7816::Response& response) {
    if (const StatusWord status = check_access(core, Right::read_object, command.tag); status != sw::ok) return status;
    if (is_computed(command.tag)) {
        std::array<std::uint8_t, kMaxComputed> value{};
        std::size_t n = 0;
        if (const StatusWord status = get_computed(core, command.tag, value, n); status != sw::ok) return status;
        if (command.offset >= n) return sw::ok;
        const Bytes rest = Bytes(value).first(n).subspan(command.offset);
        return response.set(rest.first(std::min<std::size_t>(rest.size(), command.length)));
    }
    std::uint32_t size = 0;
    if (const StatusWord status = value_size(core, command.tag, size); status != sw::ok) return status;
    if (command.offset >= size) return sw::ok;
    source.open(*stored_object(core.state, command.tag), command.offset);
    response.set_body(source, std::min<std::uint32_t>(size - command.offset, command.length));
    return sw::ok;
}

std::uint32_t object_limit(std::uint32_t wanted) {
    if (wanted == object::seal) return protocol::kMaxSeal;
    if (wanted == object::cert_attestation) return protocol::kMaxDeviceCertificate;
    if (wanted == object::issuer_certificate || slot_of_certificate(wanted)) return protocol::kMaxCertificateObject;
    return protocol::kMaxObject;
}

StatusWord ObjectWriter::begin(const iso7816::Header& header, Bytes& block) {
    const auto head = parse_put_data(header, block);
    if (!head) return head.error();
    block = block.subspan(head->head_size);
    return open(head->tag, head->value_size, head->value_size > kBufferedLimit);
}

StatusWord ObjectWriter::open(std::uint32_t wanted, std::uint32_t size, bool streaming) {
    if (const StatusWord status = check_access(core_, Right::write_object, wanted); status != sw::ok) return status;
    if (!object_id(wanted)) return sw::file_not_found;
    if (device_certificate_is_final(core_, wanted)) return sw::conditions_not_satisfied;
    if (size > object_limit(wanted)) return sw::not_enough_memory;
    if (streaming) {
        // The store has one stream: a value of a renewal that was coming in must be sent anew.
        core_.loading.drop();
        if (const Status opened = core_.store.stream_open(size); !opened) return status_word(opened);
    }
    tag_ = wanted;
    size_ = size;
    received_ = 0;
    streaming_ = streaming;
    hash_.emplace();
    open_ = true;
    parts_ = false;
    return sw::ok;
}

StatusWord ObjectWriter::append(Bytes piece, MutableBytes scratch) {
    if (piece.size() > size_ - received_) return sw::wrong_data;
    if (piece.empty()) return sw::ok;
    if (streaming_) {
        if (const Status added = core_.store.stream_append(piece); !added) return status_word(added);
    } else {
        // A wrapped command's value stands in that buffer already, further back.
        std::memmove(scratch.data() + received_, piece.data(), piece.size());
    }
    hash_->update(piece);
    received_ += static_cast<std::uint32_t>(piece.size());
    return sw::ok;
}

StatusWord ObjectWriter::block(const iso7816::Header& header, Bytes block, bool first, bool last,
                               MutableBytes scratch) {
    if (first) abandon();
    if (first) {
        if (const StatusWord status = begin(header, block); status != sw::ok) return status;
    }
    if (!open_ || parts_) return sw::conditions_not_satisfied;
    StatusWord status = append(block, scratch);
    if (status == sw::ok && last) status = received_ == size_ ? finish(scratch) : sw::wrong_data;
    if (status != sw::ok || last) abandon();
    return status;
}

// Every part asks the table: a session may end between two of them.
StatusWord ObjectWriter::part(const WritePart& command) {
    const bool goes_on =
        open_ && parts_ && command.tag == tag_ && command.total == size_ && command.offset == received_;
    if (!goes_on || command.offset == 0) {
        abandon();
        const StatusWord status = check_access(core_, Right::write_object, command.tag);
        if (status == sw::ok && command.offset != 0) return sw::conditions_not_satisfied;
        if (status != sw::ok) return status;
        // It is read before it is taken, so it comes whole, by PUT DATA.
        if (is_shipping_device_certificate(core_, command.tag)) return sw::conditions_not_satisfied;
        const StatusWord opened = open(command.tag, command.total, command.total > 0);
        if (opened != sw::ok) return opened;
        parts_ = true;
    }
    StatusWord status = check_access(core_, Right::write_object, tag_);
    if (status == sw::ok && command.part.empty() != (size_ == 0)) status = sw::wrong_data;
    if (status == sw::ok) status = append(command.part, {});
    if (status != sw::ok) {
        abandon();
        return status;
    }
    if (received_ < size_) return sw::ok;
    status = finish({});
    abandon();
    return status;
}

void ObjectWriter::abandon() {
    if (open_ && streaming_) core_.store.stream_abandon();
    open_ = false;
    parts_ = false;
    streaming_ = false;
    hash_.reset();
}

StatusWord ObjectWriter::finish(Bytes scratch) {
    // The right is looked at again: a chain may be long, and the session another one at its end.
    if (const StatusWord status = check_access(core_, Right::write_object, tag_); status != sw::ok) return status;
    if (device_certificate_is_final(core_, tag_)) return sw::conditions_not_satisfied;
    if (is_shipping_device_certificate(core_, tag_)) {
        const StatusWord status = check_device_certificate(core_, scratch.first(size_));
        if (status != sw::ok) return status;
    }
    const crypto::Sha256Digest digest = hash_->finish();
    const ObjectId stored = *stored_object(core_.state, tag_);
    const bool removes = size_ == 0;
    // Removing what isn't there changes nothing: not even a record, since removing may use the store's last room.
    if (removes && !core_.store.contains(stored)) return sw::ok;
    auto change = Change::begin(core_, (streaming_ ? 0 : size_) + kKeyHistorySize, 2,
                                removes ? Purpose::upkeep : Purpose::content);
    if (!change) return status_word(change.error());
    store::Transaction& transaction = change->transaction();
    Status put = removes      ? transaction.remove(stored)
                 : streaming_ ? transaction.put_stream(stored)
                              : transaction.put(stored, scratch.first(size_));
    if (!put) return status_word(put);
    streaming_ = false;  // the transaction has the stream now
    if (const Status recorded = record_object(core_, *change, tag_, size_, digest); !recorded) {
        return status_word(recorded);
    }
    return status_word(change->commit());
}

Status record_object(Core& core, Change& change, std::uint32_t wanted, std::uint32_t size,
                     const crypto::Sha256Digest& digest) {
    if (const auto index = watched_index(wanted)) {
        Watched& watched = core.state.watched[*index];
        watched = Watched{};
        watched.size = size;
        if (size > 0) std::copy_n(digest.begin(), watched.fingerprint.size(), watched.fingerprint.begin());
        change.touch_watched(*index);
    }
    const auto slot = slot_of_certificate(wanted);
    if (!slot) return {};
    Slot& record = core.state.slots[*slot];
    record.certificate_size = static_cast<std::uint16_t>(size);
    ++record.certificate_changes;
    record.fingerprint.fill(0);
    if (size > 0) std::copy_n(digest.begin(), record.fingerprint.size(), record.fingerprint.begin());
    change.touch_slot(*slot);
    return is_retired(*slot) ? put_key_history(core, change) : Status{};
}

Status remove_certificate(Core& core, Change& change, std::size_t slot) {
    const std::uint32_t wanted = certificate_tag(slot);
    if (Status s = change.transaction().remove(*stored_object(core.state, wanted)); !s) return s;
    return record_object(core, change, wanted, 0, {});
}

Status put_chuid(Change& change, Bytes guid) {
    std::array<std::uint8_t, kMaxOwnChuid> buffer{};
    TlvWriter chuid(buffer);
    chuid.put(0x30, kFascN).put(0x34, guid).put(0x35, bytes_of(kChuidExpiry)).put(0x3E, {}).put(0xFE, {});
    if (!chuid.ok()) return Error::too_large;
    return change.transaction().put(*object_id(object::chuid), chuid.bytes());
}

Status put_birth_objects(Core& core, Change& change, Bytes guid) {
    if (Status s = put_chuid(change, guid); !s) return s;
    std::array<std::uint8_t, 64> buffer{};
    std::array<std::uint8_t, kCccIdSize> card{};
    std::copy(std::begin(kCccIdHead), std::end(kCccIdHead), card.begin());
    std::copy_n(guid.begin(), card.size() - std::size(kCccIdHead), card.begin() + std::size(kCccIdHead));
    TlvWriter ccc(buffer);
    ccc.put(0xF0, card).raw(kCccRest);
    if (!ccc.ok()) return Error::too_large;
    if (Status s = change.transaction().put(*object_id(object::ccc), ccc.bytes()); !s) return s;
    return put_key_history(core, change);
}

}  // namespace sealkey::applet
