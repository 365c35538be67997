#include "ca/channel_master.h"

#include <algorithm>
#include <filesystem>

#include "ca/error.h"
#include "ca/sealed_file.h"

namespace sealkey::ca {

namespace {

constexpr char kFile[] = "/channel.json";
constexpr char kPurpose[] = "sealkey channel master";
constexpr std::size_t kRecord = 1 + 32;  // KVN || master

}  // namespace

void create_channel_master(const std::string& directory, Bytes passphrase) {
    const std::string file = directory + kFile;
    std::error_code error;
    if (std::filesystem::exists(file, error)) {
        throw CaError(Fault::exists, mark("This CA has a channel master: nothing was changed."));
    }
    SealedSecret record;
    record.resize(kRecord);
    record.buffer()[0] = 1;
    random_bytes(record.buffer().subspan(1, kRecord - 1));
    write_file(file, seal_secret(record.bytes(), passphrase, kPurpose), true);
}

ChannelMaster read_channel_master(const Authority& authority, Bytes passphrase) {
    const std::string file = authority.directory() + kFile;
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        throw CaError(Fault::unknown,
                      mark("This CA was made before keys had a secure channel. Run \"sealkey-bench ca channel-master\" "
                           "once, and keep a new copy of the CA's folder."));
    }
    const SealedSecret record = unseal_secret(read_file(file), passphrase, kPurpose);
    if (record.size() != kRecord || record.bytes()[0] == 0 || record.bytes()[0] > protocol::kLastKvn) {
        throw CaError(Fault::corrupt, mark("%1 is damaged."), {file});
    }
    ChannelMaster master;
    master.version = record.bytes()[0];
    master.key.assign(record.bytes().subspan(1));
    return master;
}

std::array<std::uint8_t, protocol::kKddSize> channel_kdd(std::string_view serial) {
    check_token_serial(serial);
    std::array<std::uint8_t, protocol::kKddSize> out{};
    std::copy(serial.end() - out.size(), serial.end(), out.begin());
    return out;
}

token::ChannelKeys channel_keys(const ChannelMaster& master, std::string_view serial) {
    ChannelCrypto crypto;
    return token::diversified_keys(crypto, master.key.bytes(), master.version, channel_kdd(serial));
}

}  // namespace sealkey::ca
