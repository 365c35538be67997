// The factory's part for a board that was just flashed: it gets its transport keys, and its record is written
// (docs/board.md). Once the keys are in, the door is shut for good, and who hasn't got them has lost the chip: so they
// are on the disk before they are sent, in an unfinished record, and it isn't lost by anything that happens afterwards.
#pragma once

#include <string>
#include <vector>

#include "bench/birth_record.h"
#include "token/token.h"

namespace sealkey::bench {

struct Manufactured {
    enum class How {
        made,       // the keys were given to it now
        completed,  // it had taken them before, and the answer was lost
        again,      // it has its record: nothing was done
    };
    How how = How::made;
    std::string chip_id;
    std::string record;      // the file
    std::string set_aside;   // the new name of another record by this chip's number; empty: there was none
    std::size_t others = 0;  // unfinished records in the folder that aren't this key's
};

class Manufacture {
public:
    // Reads the folder, so that a wrong one is found before a key is touched, and keeps it from others that do the
    // same. Throws CaError bad_argument, file, and policy where another one has it.
    explicit Manufacture(std::string folder);

    // Throws CaError policy for a key that has its keys from elsewhere or was personalised, file and quality, and what
    // the token's client does. The record counts when the token has opened its channel by it.
    [[nodiscard]] Manufactured run(token::Token& token);

    // After a failure: the unfinished record, if the keys may be in. The same call with the same key goes on then.
    [[nodiscard]] const std::string& unfinished() const { return unfinished_; }

private:
    // One at a time: what another one begins or finishes would be missed, or missing, here.
    class Lock {
    public:
        explicit Lock(const std::string& folder);
        ~Lock();
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

    private:
        int fd_;
    };

    struct File {
        std::string path;
        BirthRecord record;
    };

    [[nodiscard]] Manufactured make(token::Token& token);
    [[nodiscard]] Manufactured find(token::Token& token, const std::string& shown);
    [[noreturn]] void refuse(token::Token& token, const std::string& shown) const;
    [[nodiscard]] Manufactured finish(Manufactured::How how, const BirthRecord& record);
    [[nodiscard]] std::string set_aside(const std::string& chip_id);
    [[nodiscard]] std::string path_of(const std::string& name) const { return folder_ + "/" + name; }

    std::string folder_;
    Lock lock_{folder_};
    std::vector<File> records_;
    std::vector<File> begun_;
    std::string unfinished_;
};

}  // namespace sealkey::bench
