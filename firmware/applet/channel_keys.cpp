#include "applet/channel_keys.h"

#include <algorithm>

#include "crypto/aes.h"

namespace sealkey::applet {

namespace {

using protocol::kKddSize;

constexpr std::size_t kHeadSize = 2;  // of the stored set: KVN, size of one key
constexpr std::uint32_t kCounterBlock = 64;
constexpr std::uint32_t kCounterLimit = 0x1000000;  // three bytes on the wire

// After an opening that didn't succeed the next one waits, twice as long each time. Never for good: keys of 128 bits
// and more aren't guessed, and a lock would be a way to shut the CA out.
constexpr std::uint32_t kFirstDelay = 100;  // milliseconds
constexpr std::uint32_t kLongestDelay = 6400;
constexpr std::uint8_t kMostAttempts = 0xFF;

void delay(Core& core) {
    if (core.channel.attempts == 0) return;
    const unsigned doublings = std::min<unsigned>(core.channel.attempts - 1U, 6);
    core.platform.clock.delay(std::min(kFirstDelay << doublings, kLongestDelay));
}

void count_attempt(Core& core) {
    if (core.channel.attempts < kMostAttempts) ++core.channel.attempts;
}

// Before birth two zeros and the chip's id; afterwards what INITIALISE gave.
Status read_kdd(const Core& core, MutableBytes out) {
    if (core.store.contains(id::channel_kdd)) return core.store.read(id::channel_kdd, 0, out);
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    std::copy(std::begin(core.platform.chip_id), std::end(core.platform.chip_id),
              out.last(sizeof core.platform.chip_id).begin());
    return {};
}

// Counters are reserved in flash in blocks, so that none is used twice, whatever happens to the power.
Status reserve_counters(Core& core) {
    ChannelState& state = core.channel;
    std::uint32_t stored = 0;
    if (core.store.contains(id::channel_counter)) {
        std::array<std::uint8_t, 4> raw{};
        if (Status s = core.store.read(id::channel_counter, 0, raw); !s) return s;
        stored = load_be32(raw.data());
    }
    if (stored >= kCounterLimit) return Error::exhausted;
    std::array<std::uint8_t, 4> raw{};
    store_be32(raw.data(), stored + kCounterBlock);
    auto transaction = core.store.begin(static_cast<std::uint32_t>(raw.size()), 1, Purpose::upkeep);
    if (!transaction) return transaction.error();
    if (Status s = transaction->put(id::channel_counter, raw); !s) return s;
    if (Status s = transaction->commit(); !s) {
        // As with every change: whether it happened, the next start finds out.
        if (s.error() != Error::no_space) core.failed = true;
        return s;
    }
    state.next_counter = stored;
    state.reserved_counter = stored + kCounterBlock;
    return {};
}

Result<std::uint32_t> take_counter(Core& core) {
    ChannelState& state = core.channel;
    if (state.next_counter >= state.reserved_counter) {
        if (Status s = reserve_counters(core); !s) return s.error();
    }
    return state.next_counter++;
}

// Three times: 88, length, the key's own length, the key enciphered in whole blocks, 03, check value.
bool take_key(Bytes& rest, Bytes dek, Secret<32>& out, std::array<std::uint8_t, protocol::kKcvSize>& kcv) {
    if (rest.size() < 3 || rest[0] != protocol::kAesKeyType) return false;
    const std::size_t field = rest[1];
    const std::size_t size = rest[2];
    const std::size_t whole = (size + crypto::kAesBlock - 1) / crypto::kAesBlock * crypto::kAesBlock;
    const bool known = size == 16 || size == 24 || size == 32;
    if (!known || field != whole + 1 || rest.size() < 2 + field + 1 + kcv.size()) return false;
    const Bytes sealed = rest.subspan(3, whole);
    const Bytes tail = rest.subspan(2 + field);
    if (tail[0] != kcv.size()) return false;
    constexpr std::array<std::uint8_t, crypto::kAesBlock> zero{};
    if (!crypto::aes_cbc_decrypt(dek, crypto::ConstBlock(zero), sealed, out.buffer().first(whole))) return false;
    wipe(out.buffer().subspan(size));
    out.resize(size);
    const auto value = channel::key_check_value(out.bytes());
    if (!value || !constant_time_equal(*value, tail.subspan(1, kcv.size()))) return false;
    kcv = *value;
    rest = tail.subspan(1 + kcv.size());
    return true;
}

}  // namespace

Result<ChannelKeySet> load_channel_keys(const Core& core) {
    Secret<128> stored;
    const auto size = core.vault.unseal_by_device(id::channel_keys, stored.buffer());
    if (!size) return size.error();
    stored.resize(*size);
    const Bytes bytes = stored.bytes();
    if (bytes.size() < kHeadSize || bytes.size() != kHeadSize + 3U * bytes[1] || bytes[1] > 32) return Error::corrupt;
    const std::size_t one = bytes[1];
    ChannelKeySet set;
    set.version = bytes[0];
    set.keys.enc.assign(bytes.subspan(kHeadSize, one));
    set.keys.mac.assign(bytes.subspan(kHeadSize + one, one));
    set.keys.dek.assign(bytes.subspan(kHeadSize + 2 * one, one));
    if (!set.keys.valid()) return Error::corrupt;
    return set;
}

namespace {

// Compared without a branch on a key; what comes out is known to whoever sent the set.
bool same_set(const ChannelKeySet& a, const ChannelKeySet& b) {
    const bool enc = constant_time_equal(a.keys.enc.bytes(), b.keys.enc.bytes());
    const bool mac = constant_time_equal(a.keys.mac.bytes(), b.keys.mac.bytes());
    const bool dek = constant_time_equal(a.keys.dek.bytes(), b.keys.dek.bytes());
    return a.version == b.version && enc && mac && dek;
}

}  // namespace

Status store_channel_keys(Core& core, store::Transaction& transaction, const ChannelKeySet& set) {
    if (!set.keys.valid()) return Error::invalid;
    const auto before = load_channel_keys(core);
    if (!before && before.error() != Error::not_found) return before.error();
    // The counter begins anew with new keys only: under the same ones the card's challenges would come again, and with
    // them a session that somebody recorded.
    const bool keeps_counter = before && same_set(*before, set);
    Secret<128> plain;
    const MutableBytes out = plain.buffer();
    out[0] = set.version;
    out[1] = static_cast<std::uint8_t>(set.keys.enc.size());
    std::size_t at = kHeadSize;
    for (const Secret<32>* key : {&set.keys.enc, &set.keys.mac, &set.keys.dek}) {
        std::copy(key->bytes().begin(), key->bytes().end(), out.subspan(at).begin());
        at += key->size();
    }
    plain.resize(at);
    if (Status s = core.vault.seal_by_device(transaction, id::channel_keys, plain.bytes()); !s) return s;
    if (keeps_counter) return {};
    core.channel.next_counter = 0;
    core.channel.reserved_counter = 0;
    return transaction.remove(id::channel_counter);
}

Status drop_channel_keys(Core& core, store::Transaction& transaction) {
    core.channel.next_counter = 0;
    core.channel.reserved_counter = 0;
    if (Status s = transaction.remove(id::channel_keys); !s) return s;
    return transaction.remove(id::channel_counter);
}

Result<bool> has_transport_keys(const Core& core) {
    const auto set = load_channel_keys(core);
    if (set) return set->version == protocol::kTransportKvn;
    if (set.error() == Error::not_found) return false;
    return set.error();
}

StatusWord run_initialize_update(Core& core, const InitializeUpdate& command, iso7816::Response& response) {
    core.channel.session.close();
    const auto set = load_channel_keys(core);
    if (!set) return set.error() == Error::not_found ? sw::reference_not_found : status_word(set.error());
    if (command.version != 0 && command.version != set->version) return sw::reference_not_found;
    delay(core);
    count_attempt(core);
    const auto counter = take_counter(core);
    if (!counter) {
        return counter.error() == Error::exhausted ? sw::conditions_not_satisfied : status_word(counter.error());
    }
    std::array<std::uint8_t, 4> raw{};
    store_be32(raw.data(), *counter);
    const Bytes sequence = Bytes(raw).subspan(1);
    const auto challenge = channel::card_challenge(set->keys, sequence, protocol::kPivAid);
    if (!challenge) return status_word(challenge.error());
    const auto cryptogram = core.channel.session.begin(set->keys, command.host_challenge, *challenge);
    if (!cryptogram) return status_word(cryptogram.error());

    std::array<std::uint8_t, protocol::kInitializeUpdateAnswer> out{};
    if (const Status read = read_kdd(core, MutableBytes(out).first(kKddSize)); !read) return status_word(read);
    out[10] = set->version;
    out[11] = protocol::kChannelProtocol;
    out[12] = protocol::kChannelParameter;
    std::copy(challenge->begin(), challenge->end(), out.begin() + 13);
    std::copy(cryptogram->begin(), cryptogram->end(), out.begin() + 21);
    std::copy(sequence.begin(), sequence.end(), out.begin() + 29);
    return response.set(out);
}

StatusWord run_external_authenticate(Core& core, const ExternalAuthenticate& command) {
    const StatusWord status = core.channel.session.authenticate(command.header, command.data);
    if (status == sw::ok) core.channel.attempts = 0;
    if (status == sw::authentication_failed) count_attempt(core);
    return status;
}

StatusWord run_put_key(Core& core, const PutKey& command, iso7816::Response& response) {
    const auto before = load_channel_keys(core);
    if (!before) return status_word(before.error());
    if (command.replaces != 0 && command.replaces != before->version) return sw::reference_not_found;
    ChannelKeySet set;
    set.version = command.version;
    std::array<std::uint8_t, 1 + 3 * protocol::kKcvSize> answer{};
    answer[0] = set.version;
    auto at = answer.begin() + 1;
    Bytes rest = command.keys;
    for (Secret<32>* key : {&set.keys.enc, &set.keys.mac, &set.keys.dek}) {
        std::array<std::uint8_t, protocol::kKcvSize> kcv{};
        if (!take_key(rest, before->keys.dek.bytes(), *key, kcv)) return sw::wrong_data;
        at = std::copy(kcv.begin(), kcv.end(), at);
    }
    if (!rest.empty() || !set.keys.valid()) return sw::wrong_data;
    auto change = Change::begin(core, kChannelKeysSize, kChannelKeysObjects, Purpose::upkeep);
    if (!change) return status_word(change.error());
    if (const Status put = store_channel_keys(core, change->transaction(), set); !put) return status_word(put);
    if (const Status done = change->commit(); !done) return status_word(done);
    return response.set(answer);
}

}  // namespace sealkey::applet
