// A program with several threads that sign on one token for as long as it takes, whatever is done to it meanwhile. They
// take its keys in turn: the login key, the decryption key's signatures, and the signature key, whose PIN is given for
// each signature and holds the card for its parts:
//
//   stress_worker MODULE THREADS SIGNATURES      the PIN in SEALKEY_PIN
//
// Each thread begins again from the sessions when a call says that they have gone. A line "." for each signature that
// verifies; at the end one line a thing that was answered, "sign CKR 0x30 4" and so on. Exit code 1: a signature that
// doesn't verify, or a thread that got none in its time.
#include <dlfcn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;
constexpr std::chrono::seconds kLongest{300};
constexpr unsigned char kSignature = 2;
constexpr unsigned char kKeys[] = {1, 3, kSignature, 1};  // CKA_ID, by the thread's number

struct Tally {
    std::mutex mutex;
    std::map<std::pair<std::string, CK_RV>, int> answers;
    std::atomic<int> wrong{0};
    void add(const char* call, CK_RV code) {
        const std::lock_guard lock(mutex);
        ++answers[{call, code}];
    }
};

class Signer {
public:
    Signer(CK_FUNCTION_LIST& p11, Tally& tally, std::string pin, int number, int wanted)
        : p11_(p11), tally_(tally), pin_(std::move(pin)), id_(kKeys[number % 4]), wanted_(wanted) {}

    void operator()() {
        const auto end = std::chrono::steady_clock::now() + kLongest;
        while (done_ < wanted_ && std::chrono::steady_clock::now() < end) {
            if (begin()) {
                while (done_ < wanted_ && sign()) {
                }
            }
            if (session_ != CK_INVALID_HANDLE) p11_.C_CloseSession(session_);
            session_ = CK_INVALID_HANDLE;
            // Nothing there: no use in asking a thousand times a second.
            if (!found_) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
    [[nodiscard]] int done() const { return done_; }

private:
    bool is(const char* call, CK_RV code) {
        if (code != CKR_OK) tally_.add(call, code);
        return code == CKR_OK;
    }

    bool begin() {
        found_ = false;
        CK_SLOT_ID slots[8];
        CK_ULONG count = 8;
        if (!is("slots", p11_.C_GetSlotList(CK_TRUE, slots, &count)) || count == 0) return false;
        if (!is("open", p11_.C_OpenSession(slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &session_))) return false;
        found_ = true;
        return login() && find(CKO_PRIVATE_KEY, &key_) && read_certificate();
    }
    CK_RV enter_pin(CK_USER_TYPE user) {
        return p11_.C_Login(session_, user, reinterpret_cast<unsigned char*>(pin_.data()), pin_.size());
    }
    bool login() {
        const CK_RV code = enter_pin(CKU_USER);
        return code == CKR_USER_ALREADY_LOGGED_IN || is("login", code);
    }
    bool find(CK_OBJECT_CLASS object_class, CK_OBJECT_HANDLE* handle) {
        CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &object_class, sizeof(object_class)}, {CKA_ID, &id_, 1}};
        CK_ULONG count = 0;
        if (!is("find-init", p11_.C_FindObjectsInit(session_, wanted, 2))) return false;
        const CK_RV code = p11_.C_FindObjects(session_, handle, 1, &count);
        p11_.C_FindObjectsFinal(session_);
        return is("find", code) && count == 1;
    }
    bool read_certificate() {
        if (public_key_) return true;
        CK_OBJECT_HANDLE handle = 0;
        if (!find(CKO_CERTIFICATE, &handle)) return false;
        Bytes der(8192);
        CK_ATTRIBUTE value{CKA_VALUE, der.data(), der.size()};
        if (!is("certificate", p11_.C_GetAttributeValue(session_, handle, &value, 1))) return false;
        const unsigned char* at = der.data();
        const std::unique_ptr<X509, decltype(&X509_free)> certificate(
            d2i_X509(nullptr, &at, static_cast<long>(value.ulValueLen)), X509_free);
        if (!certificate) return false;
        public_key_.reset(X509_get_pubkey(certificate.get()), EVP_PKEY_free);
        return public_key_ != nullptr;
    }
    // False: begin again.
    bool sign() {
        const std::string message = "application " + std::to_string(done_) + " of " + std::to_string(::getpid());
        const bool rsa = EVP_PKEY_is_a(public_key_.get(), "RSA") == 1;
        CK_MECHANISM mechanism{rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, nullptr, 0};
        if (!is("sign-init", p11_.C_SignInit(session_, &mechanism, key_))) return false;
        if (id_ == kSignature && !is("pin-for-one", enter_pin(CKU_CONTEXT_SPECIFIC))) return false;
        Bytes data(message.begin(), message.end());
        for (std::size_t at = 0; at < data.size(); at += 10) {
            if (!is("sign-update", p11_.C_SignUpdate(session_, &data[at], std::min<std::size_t>(10, data.size() - at))))
                return false;
        }
        Bytes signature(512);
        CK_ULONG length = signature.size();
        const CK_RV code = p11_.C_SignFinal(session_, signature.data(), &length);
        if (code == CKR_USER_NOT_LOGGED_IN) {
            tally_.add("sign", code);
            return login();  // another program reset the card: told once
        }
        if (!is("sign", code)) return false;
        signature.resize(length);
        if (!verifies(message, rsa ? signature : as_der(signature))) {
            ++tally_.wrong;
            std::puts("WRONG SIGNATURE");
        }
        ++done_;
        std::puts(".");
        std::fflush(stdout);
        return true;
    }
    static Bytes as_der(const Bytes& signature) {
        const auto half = static_cast<int>(signature.size() / 2);
        const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
        ECDSA_SIG_set0(pair.get(), BN_bin2bn(signature.data(), half, nullptr),
                       BN_bin2bn(signature.data() + half, half, nullptr));
        unsigned char* der = nullptr;
        const int size = i2d_ECDSA_SIG(pair.get(), &der);
        Bytes out(der, der + std::max(size, 0));
        OPENSSL_free(der);
        return out;
    }
    bool verifies(const std::string& message, const Bytes& signature) const {
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, public_key_.get()) == 1 &&
               EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
    }

    CK_FUNCTION_LIST& p11_;
    Tally& tally_;
    std::string pin_;
    unsigned char id_;
    int wanted_;
    int done_ = 0;
    bool found_ = false;
    CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE key_ = CK_INVALID_HANDLE;
    std::shared_ptr<EVP_PKEY> public_key_;
};

}  // namespace

int main(int argc, char** argv) {
    const char* pin = std::getenv("SEALKEY_PIN");
    if (argc != 4 || pin == nullptr) {
        std::fputs("stress_worker MODULE THREADS SIGNATURES, with the PIN in SEALKEY_PIN\n", stderr);
        return 2;
    }
    void* handle = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    const auto get =
        handle == nullptr ? nullptr : reinterpret_cast<CK_C_GetFunctionList>(::dlsym(handle, "C_GetFunctionList"));
    CK_FUNCTION_LIST* p11 = nullptr;
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    if (get == nullptr || get(&p11) != CKR_OK || p11->C_Initialize(&arguments) != CKR_OK) {
        std::fprintf(stderr, "%s: %s\n", argv[1], handle == nullptr ? ::dlerror() : "C_Initialize");
        return 2;
    }
    Tally tally;
    std::vector<std::unique_ptr<Signer>> signers;
    for (int i = 0; i < std::atoi(argv[2]); ++i) {
        signers.push_back(std::make_unique<Signer>(*p11, tally, pin, i, std::atoi(argv[3])));
    }
    std::vector<std::thread> threads;
    threads.reserve(signers.size());
    for (auto& signer : signers) threads.emplace_back(std::ref(*signer));
    for (auto& thread : threads) thread.join();
    const CK_RV end = p11->C_Finalize(nullptr);
    if (end != CKR_OK) tally.add("finalize", end);
    bool enough = true;
    for (const auto& signer : signers) enough = enough && signer->done() == std::atoi(argv[3]);
    for (const auto& [what, count] : tally.answers) {
        std::printf("%s 0x%lX %d\n", what.first.c_str(), what.second, count);
    }
    return tally.wrong == 0 && enough ? 0 : 1;
}
