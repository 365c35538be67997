#include "log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sealkey::pkcs11::log {

namespace {

// Opened for each line: no descriptor is kept that an application might close, and a child after fork() needs nothing.
void write_line(const char* path, const char* text, std::size_t length) {
    const bool to_stderr = std::strcmp(path, "stderr") == 0;
    const int file = to_stderr ? STDERR_FILENO : ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) return;
    while (length > 0) {
        const ssize_t n = ::write(file, text, length);
        if (n <= 0) break;
        text += n;
        length -= static_cast<std::size_t>(n);
    }
    if (!to_stderr) ::close(file);
}

const char* path() {
    const char* value = ::secure_getenv("SEALKEY_LOG");
    return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

bool enabled() { return path() != nullptr; }

void line(const char* format, ...) {
    const char* target = path();
    if (target == nullptr) return;
    char text[400];
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm parts{};
    gmtime_r(&now.tv_sec, &parts);
    int used = std::snprintf(text, sizeof(text), "%02d:%02d:%02d.%06ld %d ", parts.tm_hour, parts.tm_min, parts.tm_sec,
                             now.tv_nsec / 1000, static_cast<int>(::getpid()));
    va_list arguments;
    va_start(arguments, format);
    const int more = std::vsnprintf(text + used, sizeof(text) - static_cast<std::size_t>(used) - 1, format, arguments);
    va_end(arguments);
    if (more > 0) used += more;
    const auto length = std::min(static_cast<std::size_t>(used), sizeof(text) - 2);
    text[length] = '\n';
    write_line(target, text, length + 1);
}

Call::Call(const char* name) : name_(name), enabled_(enabled()) {
    if (enabled_) start_ = std::chrono::steady_clock::now();
}

void Call::note(const char* format, ...) {
    if (!enabled_) return;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(note_, sizeof(note_), format, arguments);
    va_end(arguments);
}

CK_RV Call::done(CK_RV code) {
    if (enabled_) {
        const auto time = std::chrono::steady_clock::now() - start_;
        line("%s(%s) = %s, %ld us", name_, note_, name_of(code),
             static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(time).count()));
    }
    return code;
}

const char* name_of(CK_RV code) {
#define SEALKEY_NAME(code) \
    { code, #code }
    struct Row {
        CK_RV code;
        const char* name;
    };
    static constexpr Row kRows[] = {
        SEALKEY_NAME(CKR_OK),
        SEALKEY_NAME(CKR_CANCEL),
        SEALKEY_NAME(CKR_HOST_MEMORY),
        SEALKEY_NAME(CKR_SLOT_ID_INVALID),
        SEALKEY_NAME(CKR_GENERAL_ERROR),
        SEALKEY_NAME(CKR_FUNCTION_FAILED),
        SEALKEY_NAME(CKR_ARGUMENTS_BAD),
        SEALKEY_NAME(CKR_NO_EVENT),
        SEALKEY_NAME(CKR_CANT_LOCK),
        SEALKEY_NAME(CKR_ATTRIBUTE_SENSITIVE),
        SEALKEY_NAME(CKR_ATTRIBUTE_TYPE_INVALID),
        SEALKEY_NAME(CKR_ATTRIBUTE_VALUE_INVALID),
        SEALKEY_NAME(CKR_ACTION_PROHIBITED),
        SEALKEY_NAME(CKR_DATA_INVALID),
        SEALKEY_NAME(CKR_DATA_LEN_RANGE),
        SEALKEY_NAME(CKR_DEVICE_ERROR),
        SEALKEY_NAME(CKR_DEVICE_REMOVED),
        SEALKEY_NAME(CKR_ENCRYPTED_DATA_INVALID),
        SEALKEY_NAME(CKR_ENCRYPTED_DATA_LEN_RANGE),
        SEALKEY_NAME(CKR_FUNCTION_NOT_PARALLEL),
        SEALKEY_NAME(CKR_FUNCTION_NOT_SUPPORTED),
        SEALKEY_NAME(CKR_KEY_HANDLE_INVALID),
        SEALKEY_NAME(CKR_KEY_TYPE_INCONSISTENT),
        SEALKEY_NAME(CKR_KEY_FUNCTION_NOT_PERMITTED),
        SEALKEY_NAME(CKR_MECHANISM_INVALID),
        SEALKEY_NAME(CKR_MECHANISM_PARAM_INVALID),
        SEALKEY_NAME(CKR_OBJECT_HANDLE_INVALID),
        SEALKEY_NAME(CKR_OPERATION_ACTIVE),
        SEALKEY_NAME(CKR_OPERATION_NOT_INITIALIZED),
        SEALKEY_NAME(CKR_PIN_INCORRECT),
        SEALKEY_NAME(CKR_PIN_INVALID),
        SEALKEY_NAME(CKR_PIN_LEN_RANGE),
        SEALKEY_NAME(CKR_PIN_LOCKED),
        SEALKEY_NAME(CKR_SESSION_HANDLE_INVALID),
        SEALKEY_NAME(CKR_SESSION_PARALLEL_NOT_SUPPORTED),
        SEALKEY_NAME(CKR_SESSION_READ_ONLY),
        SEALKEY_NAME(CKR_SIGNATURE_INVALID),
        SEALKEY_NAME(CKR_SIGNATURE_LEN_RANGE),
        SEALKEY_NAME(CKR_TEMPLATE_INCOMPLETE),
        SEALKEY_NAME(CKR_TEMPLATE_INCONSISTENT),
        SEALKEY_NAME(CKR_TOKEN_NOT_PRESENT),
        SEALKEY_NAME(CKR_TOKEN_NOT_RECOGNIZED),
        SEALKEY_NAME(CKR_USER_ALREADY_LOGGED_IN),
        SEALKEY_NAME(CKR_USER_NOT_LOGGED_IN),
        SEALKEY_NAME(CKR_USER_PIN_NOT_INITIALIZED),
        SEALKEY_NAME(CKR_USER_TYPE_INVALID),
        SEALKEY_NAME(CKR_RANDOM_SEED_NOT_SUPPORTED),
        SEALKEY_NAME(CKR_ATTRIBUTE_READ_ONLY),
        SEALKEY_NAME(CKR_SESSION_EXISTS),
        SEALKEY_NAME(CKR_SESSION_READ_ONLY_EXISTS),
        SEALKEY_NAME(CKR_SESSION_READ_WRITE_SO_EXISTS),
        SEALKEY_NAME(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
        SEALKEY_NAME(CKR_TOKEN_WRITE_PROTECTED),
        SEALKEY_NAME(CKR_DEVICE_MEMORY),
        SEALKEY_NAME(CKR_KEY_SIZE_RANGE),
        SEALKEY_NAME(CKR_KEY_NOT_WRAPPABLE),
        SEALKEY_NAME(CKR_KEY_UNEXTRACTABLE),
        SEALKEY_NAME(CKR_KEY_INDIGESTIBLE),
        SEALKEY_NAME(CKR_WRAPPED_KEY_INVALID),
        SEALKEY_NAME(CKR_WRAPPED_KEY_LEN_RANGE),
        SEALKEY_NAME(CKR_WRAPPING_KEY_HANDLE_INVALID),
        SEALKEY_NAME(CKR_WRAPPING_KEY_TYPE_INCONSISTENT),
        SEALKEY_NAME(CKR_UNWRAPPING_KEY_HANDLE_INVALID),
        SEALKEY_NAME(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT),
        SEALKEY_NAME(CKR_STATE_UNSAVEABLE),
        SEALKEY_NAME(CKR_SAVED_STATE_INVALID),
        SEALKEY_NAME(CKR_CURVE_NOT_SUPPORTED),
        SEALKEY_NAME(CKR_FUNCTION_REJECTED),
        SEALKEY_NAME(CKR_BUFFER_TOO_SMALL),
        SEALKEY_NAME(CKR_CRYPTOKI_NOT_INITIALIZED),
        SEALKEY_NAME(CKR_CRYPTOKI_ALREADY_INITIALIZED),
    };
#undef SEALKEY_NAME
    for (const auto& row : kRows) {
        if (row.code == code) return row.name;
    }
    return code == kReaderInUse ? "reader in use by another program" : "another code";
}

}  // namespace sealkey::pkcs11::log
