#include "applet/management.h"

#include <algorithm>

#include "base/tlv.h"
#include "crypto/aes.h"
#include "crypto/tdes.h"

namespace sealkey::applet {

namespace {

namespace tag = protocol::tag;

constexpr std::uint8_t kDefaultKey[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

std::size_t block_size(Algorithm algorithm) {
    return algorithm == Algorithm::tdes ? crypto::kTdesBlock : crypto::kAesBlock;
}

using CipherBlock = std::array<std::uint8_t, crypto::kAesBlock>;

// One block under the management key; the block's size is the algorithm's.
Status encrypt(const ManagementKey& key, Bytes in, CipherBlock& out) {
    if (key.algorithm == Algorithm::tdes) {
        return crypto::tdes_encrypt_block(crypto::TdesKey(key.key.bytes()), in.first<crypto::kTdesBlock>(),
                                          MutableBytes(out).first<crypto::kTdesBlock>());
    }
    return crypto::aes_encrypt_block(key.key.bytes(), in.first<crypto::kAesBlock>(), crypto::Block(out));
}

StatusWord answer(iso7816::Response& response, std::uint32_t which, Bytes value) {
    TlvWriter writer(response.head_buffer());
    const std::size_t inner = TlvWriter::header_size(which, value.size()) + value.size();
    return response.set(writer.header(tag::dynamic_authentication, inner).put(which, value));
}

// Step 1 of both ways. Mutual: the witness goes out encrypted, and its plain value must come back. Single: the
// challenge goes out plain, and its encrypted value must come back. Either way Session::challenge keeps what must come.
StatusWord give_challenge(Core& core, const ManagementKey& key, Challenge::Kind kind, iso7816::Response& response) {
    Challenge& challenge = core.session.challenge;
    const std::size_t size = block_size(key.algorithm);
    CipherBlock plain{};
    CipherBlock encrypted{};
    const MutableBytes fresh = MutableBytes(plain).first(size);
    if (const Status s = core.drbg.fill(fresh); !s) return status_word(s);
    if (const Status s = encrypt(key, fresh, encrypted); !s) return status_word(s);
    const bool mutual = kind == Challenge::Kind::mutual;
    challenge.kind = kind;
    challenge.size = static_cast<std::uint8_t>(size);
    challenge.value = mutual ? plain : encrypted;
    const Bytes sent = Bytes(mutual ? encrypted : plain).first(size);
    const StatusWord status = answer(response, mutual ? tag::witness : tag::challenge, sent);
    wipe(plain);
    wipe(encrypted);
    return status;
}

// True when what came back is what was asked for. Good for one attempt: the caller has taken it out of the session.
bool proves(const Challenge& expected, Challenge::Kind kind, Bytes value) {
    return expected.kind == kind && expected.size > 0 &&
           constant_time_equal(Bytes(expected.value).first(expected.size), value);
}

}  // namespace

Bytes default_management_key() { return kDefaultKey; }

Result<ManagementKey> load_management_key(const Core& core) {
    Secret<64> stored;
    const auto size = core.vault.unseal_by_device(id::management_key, stored.buffer());
    if (!size) return size.error();
    stored.resize(*size);
    if (*size < 1) return Error::corrupt;
    ManagementKey out;
    out.algorithm = static_cast<Algorithm>(stored.bytes()[0]);
    if (*size != 1 + management_key_size(out.algorithm)) return Error::corrupt;
    out.key.assign(stored.bytes().subspan(1));
    return out;
}

Status store_management_key(Core& core, Change& change, Algorithm algorithm, Bytes key, bool is_default) {
    Secret<33> plain;
    plain.buffer()[0] = static_cast<std::uint8_t>(algorithm);
    std::memcpy(plain.buffer().data() + 1, key.data(), key.size());
    plain.resize(1 + key.size());
    core.state.pin.management_default = is_default;
    change.touch_pin();
    return core.vault.seal_by_device(change.transaction(), id::management_key, plain.bytes());
}

StatusWord run_authenticate_management(Core& core, const AuthenticateManagement& command, iso7816::Response& response) {
    Session& session = core.session;
    // Whatever comes now, what was given out before is good no more, and an attempt begins without authority.
    const Challenge expected = session.challenge;
    session.challenge.clear();
    const auto key = load_management_key(core);
    if (!key) return key.error() == Error::not_found ? sw::reference_not_found : status_word(key.error());
    if (command.algorithm != Algorithm::none && command.algorithm != key->algorithm) return sw::wrong_p1p2;

    const bool asks_witness = command.witness && command.witness->empty();
    const bool asks_challenge = command.challenge && command.challenge->empty();
    const bool bare = !command.response || command.response->empty();
    if (asks_witness && !command.challenge && bare) {
        return give_challenge(core, *key, Challenge::Kind::mutual, response);
    }
    if (asks_challenge && !command.witness && bare) {
        return give_challenge(core, *key, Challenge::Kind::single, response);
    }

    session.management = false;
    if (command.response && !command.response->empty() && !command.witness && !command.challenge) {
        if (!proves(expected, Challenge::Kind::single, *command.response)) return sw::security_not_satisfied;
        session.management = true;
        return sw::ok;
    }
    if (command.witness && !command.witness->empty() && command.challenge && bare) {
        // The other side's challenge is answered only after its proof: the key encrypts for nobody else.
        if (!proves(expected, Challenge::Kind::mutual, *command.witness)) return sw::security_not_satisfied;
        const std::size_t size = block_size(key->algorithm);
        if (command.challenge->size() != size) return sw::wrong_data;
        CipherBlock out{};
        if (const Status s = encrypt(*key, *command.challenge, out); !s) return status_word(s);
        session.management = true;
        return answer(response, tag::response, Bytes(out).first(size));
    }
    return sw::wrong_data;
}

StatusWord run_set_management_key(Core& core, const SetManagementKey& command) {
    if (command.algorithm == Algorithm::tdes && crypto::tdes_is_weak(crypto::TdesKey(command.key))) {
        return sw::wrong_data;
    }
    const bool shipping = core.state.config.profile == Profile::shipping;
    if (shipping && command.algorithm != Algorithm::aes256) return sw::wrong_data;
    auto change = Change::begin(core, kManagementKeySize, 1);
    if (!change) return status_word(change.error());
    const bool is_default = command.algorithm == Algorithm::tdes && equal(command.key, default_management_key());
    if (const Status s = store_management_key(core, *change, command.algorithm, command.key, is_default); !s) {
        return status_word(s);
    }
    return status_word(change->commit());
}

}  // namespace sealkey::applet
