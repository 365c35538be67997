// What a program does with a PKCS#11 module, step by step, in a fresh process; the one who started it looks at the
// token between the steps.
//
//   bench_steps MODULE STEP...               PIN in the environment: SEALKEY_PIN
//   bench_steps run PROGRAM ARGUMENT...      a whole program instead: its time and memory
//
// Prints after each step a JSON object with its wall time in milliseconds, then waits for a line on standard input; at
// the end, one with the most memory that the process ever had.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point from) {
    return std::chrono::duration<double, std::milli>(Clock::now() - from).count();
}

void must(CK_RV code, const char* call) {
    if (code != CKR_OK) throw std::runtime_error(std::string(call) + " answers " + std::to_string(code));
}

// The kilobytes of this process at their most. Not getrusage: that one also counts what was before exec.
long peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind("VmHWM:", 0) == 0) return std::atol(line.c_str() + std::strlen("VmHWM:"));
    }
    return 0;
}

class Program {
public:
    explicit Program(std::string path) : path_(std::move(path)) {}
    void run(const std::string& step);

private:
    void load();
    void slots();
    void open();
    void certificates(bool all);
    void finds();
    void attributes();
    void polling();
    void login();
    void key();
    void sign();
    std::vector<CK_OBJECT_HANDLE> find(std::vector<CK_ATTRIBUTE> wanted);
    void read(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

    std::string path_;
    CK_FUNCTION_LIST* calls_ = nullptr;
    CK_SLOT_ID slot_ = 0;
    CK_SESSION_HANDLE session_ = 0;
    CK_OBJECT_HANDLE key_ = 0;
    bool ec_ = false;
};

// The login key's, with every module.
CK_BYTE login_id[] = {1};

void Program::load() {
    void* library = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
    if (entry == nullptr) throw std::runtime_error(path_ + " is no PKCS#11 module");
    must(entry(&calls_), "C_GetFunctionList");
}

void Program::slots() {
    CK_ULONG count = 0;
    must(calls_->C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList");
    std::vector<CK_SLOT_ID> ids(count);
    must(calls_->C_GetSlotList(CK_TRUE, ids.data(), &count), "C_GetSlotList");
    if (count == 0) throw std::runtime_error("no slot has a token");
    slot_ = ids[0];
    CK_TOKEN_INFO info{};
    must(calls_->C_GetTokenInfo(slot_, &info), "C_GetTokenInfo");
}

void Program::open() {
    must(calls_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session_), "C_OpenSession");
}

std::vector<CK_OBJECT_HANDLE> Program::find(std::vector<CK_ATTRIBUTE> wanted) {
    must(calls_->C_FindObjectsInit(session_, wanted.data(), wanted.size()), "C_FindObjectsInit");
    std::vector<CK_OBJECT_HANDLE> found(64);
    CK_ULONG count = 0;
    must(calls_->C_FindObjects(session_, found.data(), found.size(), &count), "C_FindObjects");
    must(calls_->C_FindObjectsFinal(session_), "C_FindObjectsFinal");
    found.resize(count);
    return found;
}

void Program::read(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ATTRIBUTE one{type, nullptr, 0};
    if (calls_->C_GetAttributeValue(session_, object, &one, 1) != CKR_OK) return;  // not every object has each
    std::vector<CK_BYTE> value(one.ulValueLen);
    one.pValue = value.data();
    must(calls_->C_GetAttributeValue(session_, object, &one, 1), "C_GetAttributeValue");
}

void Program::certificates(bool all) {
    CK_OBJECT_CLASS wanted = CKO_CERTIFICATE;
    std::vector<CK_ATTRIBUTE> query{{CKA_CLASS, &wanted, sizeof wanted}};
    if (!all) query.push_back({CKA_ID, login_id, sizeof login_id});
    const auto found = find(query);
    if (found.empty()) throw std::runtime_error("no certificate");
    for (const auto object : found) {
        for (const CK_ATTRIBUTE_TYPE type : {CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_ISSUER, CKA_VALUE}) read(object, type);
    }
}

// As a browser looks for its authorities in every token.
void Program::finds() {
    constexpr CK_OBJECT_CLASS kNssTrust = 0xCE534353;
    for (int i = 0; i < 50; ++i) {
        for (CK_OBJECT_CLASS wanted : {CK_OBJECT_CLASS{CKO_CERTIFICATE}, kNssTrust}) {
            CK_BYTE issuer[] = {0x30, 0x00, static_cast<CK_BYTE>(i)};
            static_cast<void>(find({{CKA_CLASS, &wanted, sizeof wanted}, {CKA_ISSUER, issuer, sizeof issuer}}));
        }
    }
}

void Program::attributes() {
    CK_OBJECT_CLASS wanted = CKO_CERTIFICATE;
    for (const auto object : find({{CKA_CLASS, &wanted, sizeof wanted}})) {
        for (int i = 0; i < 10; ++i) {
            for (const CK_ATTRIBUTE_TYPE type : {CKA_TOKEN, CKA_LABEL, CKA_ID, CKA_VALUE}) read(object, type);
        }
    }
}

void Program::polling() {
    for (int i = 0; i < 50; ++i) {
        CK_SLOT_INFO slot{};
        CK_TOKEN_INFO token{};
        CK_SESSION_INFO session{};
        must(calls_->C_GetSlotInfo(slot_, &slot), "C_GetSlotInfo");
        must(calls_->C_GetTokenInfo(slot_, &token), "C_GetTokenInfo");
        must(calls_->C_GetSessionInfo(session_, &session), "C_GetSessionInfo");
    }
}

void Program::login() {
    std::string pin = std::getenv("SEALKEY_PIN");
    must(calls_->C_Login(session_, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size()), "C_Login");
}

void Program::key() {
    CK_OBJECT_CLASS wanted = CKO_PRIVATE_KEY;
    const auto found = find({{CKA_CLASS, &wanted, sizeof wanted}, {CKA_ID, login_id, sizeof login_id}});
    if (found.size() != 1) throw std::runtime_error("not one private key but " + std::to_string(found.size()));
    key_ = found[0];
    CK_KEY_TYPE type = 0;
    CK_ATTRIBUTE query{CKA_KEY_TYPE, &type, sizeof type};
    must(calls_->C_GetAttributeValue(session_, key_, &query, 1), "C_GetAttributeValue");
    ec_ = type == CKK_EC;
}

void Program::sign() {
    if (key_ == 0) key();
    // DigestInfo of SHA-256 before 32 bytes; ECDSA takes those alone.
    CK_BYTE input[51] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    CK_MECHANISM mechanism = {ec_ ? CK_MECHANISM_TYPE{CKM_ECDSA} : CK_MECHANISM_TYPE{CKM_RSA_PKCS}, nullptr, 0};
    must(calls_->C_SignInit(session_, &mechanism, key_), "C_SignInit");
    CK_BYTE out[512];
    CK_ULONG length = sizeof out;
    must(calls_->C_Sign(session_, ec_ ? input + 19 : input, ec_ ? 32 : sizeof input, out, &length), "C_Sign");
}

void Program::run(const std::string& step) {
    if (step == "load") return load();
    if (step == "initialize") return must(calls_->C_Initialize(nullptr), "C_Initialize");
    if (step == "slots") return slots();
    if (step == "open") return open();
    if (step == "certificate") return certificates(false);
    if (step == "certificates") return certificates(true);
    if (step == "finds") return finds();
    if (step == "attributes") return attributes();
    if (step == "polling") return polling();
    if (step == "login") return login();
    if (step == "sign") return sign();
    if (step == "sign100") {
        for (int i = 0; i < 100; ++i) sign();
        return;
    }
    if (step == "finalize") return must(calls_->C_Finalize(nullptr), "C_Finalize");
    throw std::runtime_error("no such step: " + step);
}

int run_program(char** arguments) {
    const auto start = Clock::now();
    pid_t child = 0;
    if (posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments, environ) != 0) {
        throw std::runtime_error(std::string(arguments[0]) + " can't be started");
    }
    int status = 0;
    rusage usage{};
    wait4(child, &status, 0, &usage);
    std::fprintf(stderr, "{\"ms\": %.3f, \"peak_kb\": %ld}\n", milliseconds_since(start), usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int count, char** arguments) try {
    if (count < 3) {
        std::fprintf(stderr, "usage: SEALKEY_PIN=... bench_steps MODULE STEP... | run PROGRAM ARGUMENT...\n");
        return 2;
    }
    if (std::strcmp(arguments[1], "run") == 0) return run_program(arguments + 2);
    if (std::getenv("SEALKEY_PIN") == nullptr) throw std::runtime_error("SEALKEY_PIN isn't set");
    Program program(arguments[1]);
    for (int i = 2; i < count; ++i) {
        const auto start = Clock::now();
        program.run(arguments[i]);
        std::printf("{\"step\": \"%s\", \"ms\": %.3f}\n", arguments[i], milliseconds_since(start));
        std::fflush(stdout);
        std::string line;
        std::getline(std::cin, line);
    }
    std::printf("{\"step\": \"memory\", \"peak_kb\": %ld}\n", peak_memory());
    std::fflush(stdout);
    std::_Exit(0);  // not every module bears being left at exit
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_steps: %s\n", error.what());
    return 1;
}
