// What strangers may send to the renewal service: the first byte names the step, the rest is its JSON message. Every
// message is answered or refused by name, and nothing in the inventory is changed by it: no message can be right here,
// since no key's signature can be guessed. @RID, @SERIAL, @DEVICE, @CHALLENGE, @REQUEST and @CONSENT in it become what
// a real key would send, so that what stands behind those is reached.
#include <openssl/err.h>
#include <stdlib.h>

#include <filesystem>

#include "bench/renewal_desk.h"
#include "ca/certificate.h"

using namespace sealkey;

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kPassphrase[] = "a long passphrase for tests";
constexpr char kCode[] = "91350100M000100Y43";

Bytes view(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

ca::ByteVector signature(EVP_PKEY* key, Bytes statement) {
    const ca::MdCtx ctx(EVP_MD_CTX_new());
    std::size_t size = 1024;
    ca::ByteVector out(size);
    if (EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, key) != 1) std::abort();
    if (EVP_DigestSign(ctx.get(), out.data(), &size, statement.data(), statement.size()) != 1) std::abort();
    out.resize(size);
    return out;
}

// A CA, and one enterprise's key with an approved renewal of its signing key.
struct World {
    std::string folder = make_folder();
    ca::Authority authority;
    bench::DeskKeys keys;
    bench::Inventory inventory;
    bench::RenewalDesk desk;
    ca::PKey old_key;  // of 9C
    ca::PKey new_key = ca::generate_key("p256");
    std::string serial;
    std::string device;
    std::string rid;
    std::map<std::string, std::string> words;
    std::string before;

    World()
        : authority(folder + "/ca"),
          keys(authority, view(kPassphrase)),
          inventory(folder + "/inventory.sqlite"),
          desk(inventory, authority, keys, "clerk") {
        deliver();
        bench::RenewalOrder order;
        order.serial = serial;
        order.request = "R-1";
        order.slots = {"9C"};
        rid = desk.approve(order).rid;
        words = {{"@RID", rid}, {"@SERIAL", serial}, {"@DEVICE", device}};
        words["@CHALLENGE"] = desk.answer("look", {{"serial", serial}}).at("challenge");
        make_request();
        before = everything();
    }
    ~World() { fs::remove_all(folder); }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    static std::string make_folder() {
        std::string path =
            (fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) / "fuzz-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr) std::abort();
        ca::Settings settings;
        settings.name = "CA";
        ca::Authority::create(path + "/ca", settings, view(kPassphrase), ca::now());
        return path;
    }
    void deliver() {
        bench::Order order;
        order.enterprise_name = "示例进出口有限公司";
        order.unified_code = kCode;
        order.login_name = "SHILI";
        order.algorithm = "p256";
        bench::Inventory::Work work(inventory, "bench");
        serial = work.add_token("chip", order, "", 1, 1).serial;
        for (const auto state :
             {bench::TokenState::initialised, bench::TokenState::personalised, bench::TokenState::active}) {
            work.set_state(serial, state, "");
        }
        work.set_step(serial, "done");
        const auto until = ca::now() + std::chrono::hours(24) * 300;
        for (const ca::Role role : ca::kRoles) {
            ca::PKey key = ca::generate_key("p256");
            const ca::Cert cert =
                ca::issue_certificate(authority.issuer(keys.issuing.get()), role,
                                      {order.enterprise_name, kCode, "SHILI"}, key.get(), ca::now(), until);
            add(work, cert.get(), ca::name_of(role), key.get());
            if (role == ca::Role::signature) old_key = std::move(key);
        }
        const ca::PKey f9 = ca::generate_key("p256");
        const ca::Cert made = ca::issue_device_certificate(
            authority.device_root(), authority.device_root_key(view(kPassphrase)).get(), serial, f9.get(), ca::now());
        add(work, made.get(), bench::kDeviceSlot, f9.get());
        device = ca::hex(ca::der_of(made.get()));
        work.commit();
    }
    void add(bench::Inventory::Work& work, const X509* cert, const char* slot, EVP_PKEY* key) const {
        work.add_certificate({ca::serial_of(cert), serial, slot, ca::hex(ca::der_of(cert)),
                              ca::sha256_hex(ca::spki_of(key)), ca::iso_time(ca::time_of(X509_get0_notAfter(cert))), "",
                              ""});
    }
    void make_request() {
        const ca::Request request(X509_REQ_new());
        X509_REQ_set_pubkey(request.get(), new_key.get());
        if (X509_REQ_sign(request.get(), new_key.get(), EVP_sha256()) <= 0) std::abort();
        const auto bytes = [&](auto encode) {
            unsigned char* der = nullptr;
            const int size = encode(request.get(), &der);
            ca::ByteVector out(der, der + size);
            OPENSSL_free(der);
            return out;
        };
        words["@REQUEST"] = ca::hex(bytes([](X509_REQ* r, unsigned char** p) { return i2d_X509_REQ(r, p); }));
        const auto info = bytes([](X509_REQ* r, unsigned char** p) { return i2d_re_X509_REQ_tbs(r, p); });
        token::Rid name{};
        const auto plain = ca::unhex(rid);
        std::copy(plain.begin(), plain.end(), name.begin());
        words["@CONSENT"] = ca::hex(signature(old_key.get(), token::request_statement(name, ca::digest_of(info))));
    }
    std::string everything() {
        std::string text = std::to_string(inventory.audit_rows().size());
        const auto row = bench::RenewalBook(inventory).renewal(rid);
        text += ca::name_of(row.state) + row.manifest + row.nonce + row.seal + row.record;
        for (const auto& key : row.keys) text += key.spki + key.certificate + key.envelope;
        return text + std::to_string(inventory.certificates_of(serial).size());
    }
    [[nodiscard]] std::string filled(std::string text) const {
        for (const auto& [word, value] : words) {
            for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size())) {
                text.replace(at, word.size(), value);
            }
        }
        return text;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    constexpr const char* steps[] = {"look", "envelope", "request", "prove", "confirm", "", "approve"};
    if (size == 0) return 0;
    const json message = json::parse(world.filled({reinterpret_cast<const char*>(data + 1), size - 1}), nullptr, false);
    if (!message.is_object()) return 0;  // the service says so itself
    try {
        const json answer = world.desk.answer(steps[data[0] % std::size(steps)], message);
        if (!answer.is_object() || !answer.contains("state")) std::abort();
    } catch (const ca::CaError& error) {
        const json told = bench::refusal_of(error);
        // "failed" is for what goes wrong inside of the CA.
        if (told.at("fault") == "failed" || told.dump(-1, ' ', false, json::error_handler_t::replace).empty())
            std::abort();
    }
    ERR_clear_error();
    if (world.everything() != world.before) std::abort();
    return 0;
}
