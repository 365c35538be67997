// The object store: an append-only log over flash with transactions (docs/store.md).
//
// Promise: whatever the moment at which power goes, after mount() every transaction has happened wholly or not at all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/platform.h"
#include "store/format.h"
#include "store/sectors.h"

namespace sealkey::store {

// Names an object. The applet's ids are below kFirstHiddenId; the ids from there on are the store's own (extents).
using ObjectId = std::uint16_t;
inline constexpr ObjectId kFirstHiddenId = 0x8000;

// Limits of the index, which is static. 24 keys, 24 certificates of 8 KiB in extents, all data objects and two seals of
// 32 KiB fit.
inline constexpr std::size_t kMaxRecords = 320;
// Of these, what only Purpose::upkeep may take: the ids that PIN, lock event and wipe may need anew, and some to spare.
inline constexpr std::size_t kUpkeepRecords = 12;
inline constexpr std::size_t kMaxPending = 64;  // entries of one transaction
inline constexpr std::size_t kMaxExtents = 24;  // of one object
// Sectors that no transaction may use: they are for compaction, and for the recovery after a cut, and after a cut in
// that recovery.
inline constexpr std::uint32_t kReserveSectors = 4;
// What only Purpose::upkeep may take besides. Two sectors keep themselves free: what upkeep writes supersedes what it
// wrote before, so that two sectors filled by it always compact into one.
inline constexpr std::uint32_t kUpkeepSectors = 2;

// What a transaction is for. Content can't take the last room, so that a full store can still be emptied, locked,
// unlocked and wiped.
enum class Purpose : std::uint8_t {
    content,  // adds or replaces what users store
    upkeep,   // removes, or keeps the books: nothing that can be repeated to fill the store
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
    // After success the change is durable and superseded secrets are gone from flash. After no_space or invalid:
    // not changed. After flash_failure mount() must come next, and tells what happened; until then the store refuses
    // changes.
    [[nodiscard]] Status commit();

private:
    friend class Store;
    explicit Transaction(Store& store) : store_(&store) {}
    Store* store_;
};

class Store {
public:
    // `ring`: 8 to 255 sectors.
    Store(platform::Flash& flash, SectorRange ring) : sectors_(flash, ring) {}
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // Recovers what a power cut left: settles the tail, finishes a compaction, collects orphans, finishes the erasing
    // of superseded secrets. not_found: never formatted (wholly blank, or a first format() was cut).
    // unsupported_format: another format version; nothing was changed. corrupt: neither.
    [[nodiscard]] Status mount();

    // Makes an empty store; what was there is gone. Cut, it leaves the store that was there, or an empty one.
    [[nodiscard]] Status format();

    [[nodiscard]] Result<std::uint32_t> size(ObjectId id) const;  // not_found
    // Reads exactly out.size() bytes from `offset`; invalid if they aren't all there.
    [[nodiscard]] Status read(ObjectId id, std::uint32_t offset, MutableBytes out) const;
    [[nodiscard]] bool contains(ObjectId id) const { return size(id).ok(); }

    // Reserves room for `payload` bytes in `objects` puts and removes, compacting first if need be. no_space: not
    // possible, nothing was changed. busy: a transaction is open. flash_failure: not mounted, or not any more.
    // An id too many for the index is found when it is put, since only ids that are new count: no_space there, and the
    // transaction can't be committed any more.
    [[nodiscard]] Result<Transaction> begin(std::uint32_t payload, std::uint32_t objects,
                                            Purpose purpose = Purpose::content);

    // One object in one transaction.
    [[nodiscard]] Status put(ObjectId id, Bytes value, Sensitivity sensitivity = Sensitivity::plain);
    [[nodiscard]] Status remove(ObjectId id);

    // A large object that arrives in pieces: reserve, append until `length` bytes are there, then publish it by a
    // transaction's put_stream(). Opening another or abandoning it drops the pieces; so does a power cut. Other
    // transactions may come in between; while one is open, these answer busy.
    [[nodiscard]] Status stream_open(std::uint32_t length);  // no_space
    [[nodiscard]] Status stream_append(Bytes piece);         // too_large past `length`
    void stream_abandon();

private:
    friend class Transaction;
    friend class Mount;

    // Where the newest committed entry of an object (or one extent) stands.
    struct Record {
        std::uint32_t sequence = 0;
        ObjectId id = 0;
        std::uint16_t offset = 0;
        std::uint16_t length = 0;
        SectorIndex sector = kNoSector;
        std::uint8_t flags = 0;
    };
    // Where the next entries go.
    struct Head {
        SectorIndex sector = kNoSector;
        std::uint32_t offset = 0;
    };
    struct OpenTransaction {
        bool open = false;
        bool failed = false;
        bool publishes_stream = false;
        Purpose purpose = Purpose::content;
        std::uint32_t new_records = 0;  // that its pending entries add to the index
        std::uint32_t payload_left = 0;
        std::uint32_t objects_left = 0;
        std::uint32_t first = 0;  // sequence of the first entry
        std::uint32_t digest = 0;
        std::uint32_t count = 0;
        SectorSet touched;
    };
    struct Stream {
        bool active = false;
        bool in_extent = false;
        std::uint32_t length = 0;
        std::uint32_t written = 0;
        std::uint32_t sectors_left = 0;  // still to be opened
        std::uint32_t extent_left = 0;
        std::uint32_t extents = 0;
        Record current;
        EntryWriter writer;
        std::array<format::ExtentReference, kMaxExtents> list{};
    };

    // Index (index.cpp)
    [[nodiscard]] const Record* find(ObjectId id) const;
    [[nodiscard]] Record* find_extent(ObjectId id, std::uint32_t sequence);
    [[nodiscard]] const Record* find_extent(ObjectId id, std::uint32_t sequence) const;
    [[nodiscard]] Record* find_at(SectorIndex s, std::uint16_t offset);
    [[nodiscard]] Result<format::ExtentReference> extent_of(const Record& manifest, std::uint32_t i) const;
    [[nodiscard]] static std::uint32_t extent_count(const Record& manifest);
    void drop_record(const Record* record);
    [[nodiscard]] bool has_tombstones() const;
    // Drops a record with its extents; adds to `secrets` the sectors that hold something secret of it.
    void supersede(const Record* record, SectorSet& secrets);
    [[nodiscard]] std::uint32_t live_bytes(SectorIndex s) const;

    // Sectors and room (space.cpp)
    [[nodiscard]] std::uint32_t largest_inline() const;
    [[nodiscard]] std::uint32_t head_room() const;
    [[nodiscard]] format::SectorHeader next_header(std::uint32_t copied);
    [[nodiscard]] Result<SectorIndex> open_sector();
    [[nodiscard]] Status open_head();
    [[nodiscard]] Status settle();
    [[nodiscard]] Status write_mark(SectorIndex s, std::uint32_t offset);
    [[nodiscard]] std::uint32_t sectors_for(std::uint32_t payload, std::uint32_t objects) const;
    [[nodiscard]] Status make_room(std::uint32_t payload, std::uint32_t objects, std::uint32_t sectors,
                                   Purpose purpose);
    [[nodiscard]] Status make_index_room(std::uint32_t records, Purpose purpose);
    [[nodiscard]] std::size_t index_room(Purpose purpose) const;
    // The sector of an extent that is being written: it can't be compacted.
    [[nodiscard]] bool busy(SectorIndex s) const { return stream_.in_extent && stream_.current.sector == s; }
    [[nodiscard]] bool collect(bool with_head);
    [[nodiscard]] Status drop_tombstones();
    struct Copying;
    [[nodiscard]] Status compact(std::span<const SectorIndex> victims);
    [[nodiscard]] Status compact(const SectorSet& victims);
    [[nodiscard]] Status copy_live(SectorIndex victim, Copying& copying);
    [[nodiscard]] Status finish_copy(Copying& copying);
    [[nodiscard]] Status erase_victims(std::span<const SectorIndex> victims);
    [[nodiscard]] std::uint32_t newest_sector() const;
    [[nodiscard]] Result<bool> tombstone_needed(const Record& tombstone) const;

    // Transactions (transaction.cpp)
    [[nodiscard]] Result<Record> append(std::uint16_t flags, ObjectId id, Bytes first, Bytes second = {});
    [[nodiscard]] Status add_entry(std::uint16_t flags, ObjectId id, Bytes value);
    [[nodiscard]] Status put_value(ObjectId id, Bytes value, Sensitivity sensitivity);
    [[nodiscard]] Status put_stream(ObjectId id);
    [[nodiscard]] Status remove_value(ObjectId id);
    [[nodiscard]] Status charge(std::size_t payload);
    [[nodiscard]] Status commit();
    [[nodiscard]] Status write_commit();
    void apply(SectorSet& secrets);
    void abort();
    [[nodiscard]] Status begin_extent();
    [[nodiscard]] Status end_extent();

    Sectors sectors_;
    std::array<Record, kMaxRecords> records_{};
    std::array<Record, kMaxPending> pending_{};
    std::uint16_t record_count_ = 0;
    std::uint16_t pending_count_ = 0;
    bool mounted_ = false;
    Head head_;
    OpenTransaction transaction_;
    Stream stream_;
    std::uint32_t next_sequence_ = 1;
    std::uint32_t next_sector_sequence_ = 1;
    std::uint32_t settled_ = 0;         // every entry up to here is committed
    std::uint32_t resolved_ = 0;        // see SectorHeader
    std::uint32_t oldest_ = 0;          // see SectorHeader
    std::uint32_t header_settled_ = 0;  // `settled` in the newest sector header
};

static_assert(sizeof(Store) <= 8 * 1024, "the index must fit the smallest board");

}  // namespace sealkey::store
