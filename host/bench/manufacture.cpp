#include "bench/manufacture.h"

#include <unistd.h>

#include <array>
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

// Before birth it stands at the end of what the channel is diversified by.
std::string chip_id_of(const token::CardIdentity& card) {
    return ca::hex(Bytes(card.kdd).last(std::tuple_size_v<token::ChipNumber>));
}

}  // namespace

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
    if (!card || chip_id_of(*card) != record.chip_id) {
        throw ca::CaError(ca::Fault::quality, ca::mark("The key took its transport keys, but they don't open it."));
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

// A chip whose flash was erased gets other keys; two records of one chip would be refused by whoever reads the folder.
std::string Manufacture::set_aside(const std::string& chip_id) {
    for (const File& one : records_) {
        if (shown_serial(one.record.chip_id) != shown_serial(chip_id)) continue;
        std::string aside = one.path + "." + random_name() + kFormerSuffix;
        if (std::rename(one.path.c_str(), aside.c_str()) != 0) {
            throw ca::CaError(ca::Fault::file, ca::mark("%1 can't be written: %2."), {aside, std::strerror(errno)});
        }
        return aside;
    }
    return "";
}

}  // namespace sealkey::bench
