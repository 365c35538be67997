// The object store: an append-only log over flash with transactions (docs/architecture.md, "The store").
//
// Promise: whatever the moment at which power goes, after mount() every transaction has happened wholly or not at all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/platform.h"

namespace sealkey::store {

// Names an object. The applet's ids are below kFirstHiddenId; the ids from there on are the store's own (extents).
using ObjectId = std::uint16_t;
inline constexpr ObjectId kFirstHiddenId = 0x8000;

// Sectors of the part's flash: the store's ring. Another range belongs to the try log.
struct SectorRange {
    std::uint32_t first;
    std::uint32_t count;
};

enum class Sensitivity : std::uint8_t {
    plain,
    secret,  // once superseded or removed, no copy is left in flash when the transaction's commit() has returned
};

class Store;

// One change of several objects. Nothing of it is seen by readers before commit() returned success; without commit() it
// never happened. At most one at a time; the store must not be written otherwise while it lives.
class Transaction {
public:
    ~Transaction();  // without commit(): aborted
    Transaction(Transaction&&) noexcept;
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    Transaction& operator=(Transaction&&) = delete;

    // no_space if this doesn't fit what begin() reserved.
    [[nodiscard]] Status put(ObjectId id, Bytes value, Sensitivity sensitivity = Sensitivity::plain);
    // Publishes what the store's open stream wrote, as object `id`. The stream must be complete.
    [[nodiscard]] Status put_stream(ObjectId id);
    // Removing an absent object is no error.
    [[nodiscard]] Status remove(ObjectId id);
    // After success the change is durable and superseded secrets are gone from flash. After a failure: not changed.
    [[nodiscard]] Status commit();

private:
    friend class Store;
    explicit Transaction(Store& store) : store_(&store) {}
    Store* store_;
};

class Store {
public:
    Store(platform::Flash& flash, SectorRange ring) : flash_(flash), ring_(ring) {}
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // Recovers what a power cut left: settles the tail, finishes a compaction, collects orphans, finishes the erasing
    // of superseded secrets. not_found: the ring is wholly blank (never formatted). unsupported_format: another format
    // version; nothing was changed. corrupt: neither.
    [[nodiscard]] Status mount();

    // Makes an empty store; what was there is gone.
    [[nodiscard]] Status format();

    [[nodiscard]] Result<std::uint32_t> size(ObjectId id) const;  // not_found
    // Reads exactly out.size() bytes from `offset`; invalid if they aren't all there.
    [[nodiscard]] Status read(ObjectId id, std::uint32_t offset, MutableBytes out) const;
    [[nodiscard]] bool contains(ObjectId id) const { return size(id).ok(); }

    // Reserves room for `payload` bytes in `objects` puts and removes, compacting first if need be. no_space: not
    // possible, nothing was changed. busy: a transaction is open.
    [[nodiscard]] Result<Transaction> begin(std::uint32_t payload, std::uint32_t objects);

    // One object in one transaction.
    [[nodiscard]] Status put(ObjectId id, Bytes value, Sensitivity sensitivity = Sensitivity::plain);
    [[nodiscard]] Status remove(ObjectId id);

    // A large object that arrives in pieces: reserve, append until `length` bytes are there, then publish it by a
    // transaction's put_stream(). Opening another or abandoning it drops the pieces; so does a power cut.
    [[nodiscard]] Status stream_open(std::uint32_t length);  // no_space
    [[nodiscard]] Status stream_append(Bytes piece);         // too_large past `length`
    void stream_abandon();

private:
    platform::Flash& flash_;
    SectorRange ring_;
};

}  // namespace sealkey::store
