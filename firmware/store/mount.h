// Recovery: rebuilds the index from flash and leaves nothing in doubt. Internal to the store.
#pragma once

#include "store/store.h"

namespace sealkey::store {

// One attempt. What reads well now but may read otherwise next time is either copied afresh or made good by a new
// sector header before anything that depends on it is erased.
class Mount {
public:
    explicit Mount(Store& store) : store_(store), sectors_(store.sectors_) {}
    // corrupt: also when something read well at first and then didn't; worth another attempt.
    [[nodiscard]] Status run();

private:
    template <class Visitor>
    Status for_each_entry(SectorIndex s, Visitor visit);
    template <class Visitor>
    Status for_each_entry(Visitor visit);

    Status read_headers();
    Status none_used();
    Status find_last_commit();
    Result<bool> commit_holds(std::uint32_t sequence);
    [[nodiscard]] bool never_happened(std::uint32_t sequence) const;
    Status index_objects();
    Status index_extents();
    Status place(SectorIndex s, const Entry& entry, Store::Record& record);
    Status mark_dirty();
    Result<bool> decided_for_good();
    Status clean_up();

    struct Newest {
        format::SectorHeader header;
        bool found = false;
    };

    Store& store_;
    Sectors& sectors_;
    Newest newest_;
    std::uint32_t last_commit_ = 0;
    std::uint32_t highest_ = 0;  // sequence seen
    bool commit_repeated_ = false;
    bool dead_entries_ = false;
    bool voided_ = false;
    SectorSet dirty_;
    SectorSet firm_;    // something stands behind the header: it was written whole
    SectorSet litter_;  // free, but not blank
};

}  // namespace sealkey::store
