#include "bench/manufacture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "bench/channel.h"
#include "ca/error.h"
#include "ca/openssl.h"
#include "protocol/scp03.h"
#include "token/factory.h"

namespace sealkey::bench {

namespace {

// Not the records' own ending: nobody who looks for records must take one for such.
constexpr char kUnfinishedSuffix[] = ".unfinished";
constexpr char kFormerSuffix[] = ".former";

std::string random_name() {
    std::array<std::uint8_t, 8> bytes{};
    ca::random_bytes(bytes);
    return ca::hex(bytes);
}

BirthRecord fresh_keys() {
    BirthRecord record;
    auto& keys = record.transport_keys;
    keys.version = protocol::kTransportKvn;
    for (Secret<32>* key : {&keys.enc, &keys.mac, &keys.dek}) {
        key->resize(key->capacity());
        ca::random_bytes(key->buffer());
    }
    return record;
}

bool same_keys(const token::ChannelKeys& a, const token::ChannelKeys& b) {
    return constant_time_equal(a.enc.bytes(), b.enc.bytes()) && constant_time_equal(a.mac.bytes(), b.mac.bytes()) &&
           constant_time_equal(a.dek.bytes(), b.dek.bytes());
}

// Who wrote a record may have written its digits either way.
bool same_chip(const std::string& a, const std::string& b) {
    const auto lower = [](unsigned char c) { return std::tolower(c); };
    return std::ranges::equal(a, b, {}, lower, lower);
}

// Before birth it stands at the end of what the channel is diversified by.
std::string chip_id_of(const token::CardIdentity& card) {
    return ca::hex(Bytes(card.kdd).last(std::tuple_size_v<token::ChipNumber>));
}

}  // namespace

// By the folder itself: nothing stays behind in it.
Manufacture::Lock::Lock(const std::string& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ < 0) throw ca::CaError(ca::Fault::file, ca::mark("%1 can't be read: %2."), {folder, std::strerror(errno)});
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    const int reason = errno;
    ::close(fd_);
    if (reason == EWOULDBLOCK) {
        throw ca::CaError(ca::Fault::policy,
                          ca::mark("Another run of this command is at work in %1: wait for its end. Nothing was done."),
                          {folder});
    }
    throw ca::CaError(ca::Fault::file, ca::mark("%1 can't be locked: %2. Nothing was done."),
                      {folder, std::strerror(reason)});
}

Manufacture::Lock::~Lock() { ::close(fd_); }

Manufacture::Manufacture(std::string folder) : folder_(std::move(folder)) {
    for (std::string& path : files_ending(folder_, kRecordSuffix)) {
        BirthRecord record = read_birth_record(path);
        records_.push_back({std::move(path), std::move(record)});
    }
    for (std::string& path : files_ending(folder_, kUnfinishedSuffix)) {
        BirthRecord record = read_unfinished_record(path);
        begun_.push_back({std::move(path), std::move(record)});
    }
}

Manufactured Manufacture::run(token::Token& token) {
    const token::Token::Transaction transaction(token);
    if (token::waits_for_manufacture(token)) return make(token);
    const token::TokenStatus status = token.token_status();
    if (status.lifecycle != protocol::Lifecycle::blank) {
        throw ca::CaError(ca::Fault::policy,
                          ca::mark("Key %1 has left the factory: it was personalised. Nothing was changed."),
                          {status.serial});
    }
    return find(token, status.serial);
}

// Always with new keys: an unfinished record may be another chip's, which would be lost if this one took it over.
Manufactured Manufacture::make(token::Token& token) {
    BirthRecord record = fresh_keys();
    const std::string path = path_of(random_name() + kUnfinishedSuffix);
    try {
        write_birth_record(path, record);
    } catch (const ca::CaError& error) {
        throw ca::CaError(ca::Fault::file, ca::mark("%1 can't be written: %2. Nothing was sent to the key."),
                          error.arguments());
    }
    unfinished_ = path;
    record.chip_id = ca::hex(token::manufacture(token, record.transport_keys));
    const auto card = opened_by(token, record.transport_keys);
    if (!card) {
        throw ca::CaError(ca::Fault::quality, ca::mark("The key took its transport keys, but they don't open it."));
    }
    if (chip_id_of(*card) != record.chip_id) {
        throw ca::CaError(ca::Fault::quality,
                          ca::mark("The key took its transport keys, and they open it, but it answered them by another "
                                   "number (%1) than it has then (%2)."),
                          {record.chip_id, chip_id_of(*card)});
    }
    return finish(Manufactured::How::made, record);
}

// The door is shut: by whose keys?
Manufactured Manufacture::find(token::Token& token, const std::string& shown) {
    for (const File& one : records_) {
        if (shown_serial(one.record.chip_id) != shown_serial(shown)) continue;
        if (!opened_by(token, one.record.transport_keys)) continue;
        // It may have been finished but for this.
        std::erase_if(begun_, [&](const File& begun) {
            return same_keys(begun.record.transport_keys, one.record.transport_keys) &&
                   ::unlink(begun.path.c_str()) == 0;
        });
        return {Manufactured::How::again, one.record.chip_id, one.path, "", begun_.size()};
    }
    for (File& one : begun_) {
        const auto card = opened_by(token, one.record.transport_keys);
        if (!card) continue;
        one.record.chip_id = chip_id_of(*card);
        unfinished_ = one.path;
        return finish(Manufactured::How::completed, one.record);
    }
    refuse(token, shown);
}

// A key that nothing opens which this command goes on with: why?
void Manufacture::refuse(token::Token& token, const std::string& shown) const {
    for (const std::string& path : files_ending(folder_, kFormerSuffix)) {
        const BirthRecord record = read_birth_record(path);
        if (shown_serial(record.chip_id) != shown_serial(shown) || !opened_by(token, record.transport_keys)) continue;
        throw ca::CaError(ca::Fault::policy,
                          ca::mark("Key %1 is opened by %2, which was set aside since another board tells the same "
                                   "number: keep that record in a folder of its own, by a name that ends in "
                                   ".birth.json, and name that folder. Nothing was changed."),
                          {shown, path});
    }
    const auto own = std::ranges::find_if(
        records_, [&](const File& one) { return shown_serial(one.record.chip_id) == shown_serial(shown); });
    if (transport_replaced(token, fresh_keys().transport_keys)) {
        if (own == records_.end()) {
            throw ca::CaError(ca::Fault::policy,
                              ca::mark("The transport keys of key %1 were replaced: the bench has begun to make it. Go "
                                       "on with `issue` or `run`, and with its record, which isn't in %2. Nothing was "
                                       "changed."),
                              {shown, folder_});
        }
        throw ca::CaError(ca::Fault::policy,
                          ca::mark("The record of key %1 is %2, but its transport keys were replaced: the bench has "
                                   "begun to make it. Go on with `issue` or `run`. Nothing was changed."),
                          {shown, own->path});
    }
    if (own != records_.end()) {
        throw ca::CaError(ca::Fault::policy,
                          ca::mark("Key %1 has other transport keys than %2 says: it got them when its flash had been "
                                   "erased, or it is another board that tells the same number. Name the folder that "
                                   "its record was begun in. Nothing was changed."),
                          {shown, own->path});
    }
    throw ca::CaError(ca::Fault::policy,
                      ca::mark("Key %1 has its transport keys already, and no record in %2 has them: name the folder "
                               "that its record was begun in. Nothing was changed."),
                      {shown, folder_});
}

Manufactured Manufacture::finish(Manufactured::How how, const BirthRecord& record) {
    Manufactured done{how, record.chip_id, path_of(record.chip_id + ".birth" + kRecordSuffix), "", 0};
    done.set_aside = set_aside(record.chip_id);
    write_birth_record(done.record, record);
    ::unlink(unfinished_.c_str());  // what stays behind here is told by the next call, and does no harm
    for (const File& one : begun_) done.others += one.path != unfinished_ ? 1 : 0;
    unfinished_.clear();
    return done;
}

// A chip whose flash was erased gets other keys, and chips that were copied tell one number; two records by one number
// would be refused by whoever reads the folder.
std::string Manufacture::set_aside(const std::string& chip_id) {
    for (const File& one : records_) {
        if (!same_chip(one.record.chip_id, chip_id)) continue;
        std::string aside = one.path + "." + random_name() + kFormerSuffix;
        if (std::rename(one.path.c_str(), aside.c_str()) != 0) {
            throw ca::CaError(ca::Fault::file, ca::mark("%1 can't be written: %2."), {aside, std::strerror(errno)});
        }
        return aside;
    }
    return "";
}

}  // namespace sealkey::bench
