#include "module.h"

#include <dlfcn.h>

#include <stdexcept>

namespace sealkey::bench {

namespace {

void must(CK_RV code, const char* call) {
    if (code != CKR_OK) throw std::runtime_error(std::string(call) + " answers " + std::to_string(code));
}

}  // namespace

KeyKind kind_of(const std::string& name) {
    if (name == "p256") return KeyKind::p256;
    if (name == "rsa2048") return KeyKind::rsa2048;
    throw std::runtime_error("no such key: " + name);
}

Module::Module(const std::string& path) : library_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library_, "C_GetFunctionList"));
    if (entry == nullptr) throw std::runtime_error(path + " is no PKCS#11 module");
    must(entry(&calls_), "C_GetFunctionList");
    must(calls_->C_Initialize(nullptr), "C_Initialize");
}

Module::~Module() {
    (void)calls_->C_Finalize(nullptr);
    dlclose(library_);
}

void Module::log_in(const std::string& pin, KeyKind kind) {
    kind_ = kind;
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    must(calls_->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    if (count == 0) throw std::runtime_error("no slot has a token");
    must(calls_->C_OpenSession(slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &session_), "C_OpenSession");
    std::string copy = pin;
    must(calls_->C_Login(session_, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(copy.data()), copy.size()), "C_Login");
    CK_OBJECT_CLASS wanted = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = kind == KeyKind::p256 ? CKK_EC : CKK_RSA;
    CK_ATTRIBUTE query[] = {{CKA_CLASS, &wanted, sizeof wanted}, {CKA_KEY_TYPE, &type, sizeof type}};
    must(calls_->C_FindObjectsInit(session_, query, 2), "C_FindObjectsInit");
    CK_ULONG found = 0;
    must(calls_->C_FindObjects(session_, &key_, 1, &found), "C_FindObjects");
    must(calls_->C_FindObjectsFinal(session_), "C_FindObjectsFinal");
    if (found == 0) throw std::runtime_error("no private key of that kind");
}

std::vector<unsigned char> Module::sign() {
    // DigestInfo of SHA-256 before 32 bytes; ECDSA takes those alone.
    unsigned char input[51] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                               0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    const bool ec = kind_ == KeyKind::p256;
    CK_MECHANISM mechanism = {ec ? CK_MECHANISM_TYPE{CKM_ECDSA} : CK_MECHANISM_TYPE{CKM_RSA_PKCS}, nullptr, 0};
    must(calls_->C_SignInit(session_, &mechanism, key_), "C_SignInit");
    std::vector<unsigned char> out(512);
    CK_ULONG length = out.size();
    must(calls_->C_Sign(session_, ec ? input + 19 : input, ec ? 32 : sizeof input, out.data(), &length), "C_Sign");
    out.resize(length);
    return out;
}

}  // namespace sealkey::bench
