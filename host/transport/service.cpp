#include "transport/service.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <winscard.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace sealkey::transport {

namespace {

constexpr const char* kPrograms[] = {"/usr/sbin/pcscd", "/usr/local/sbin/pcscd", "/usr/bin/pcscd", "/sbin/pcscd"};

bool is_installed() {
    for (const char* program : kPrograms) {
        if (::access(program, X_OK) == 0) return true;
    }
    return false;
}

// 0, or the errno of connecting to the service's socket: the library tells only that it can't.
int connect_to_socket() {
    const char* named = ::secure_getenv("PCSCLITE_CSOCK_NAME");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, named != nullptr ? named : "/run/pcscd/pcscd.comm", sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
    ::close(fd);
    return result;
}

}  // namespace

ServiceState probe_pcsc_service() {
    const int fault = connect_to_socket();
    if (fault == EACCES || fault == EPERM) return ServiceState::forbidden;
    if (fault != 0) return is_installed() ? ServiceState::not_running : ServiceState::not_installed;
    SCARDCONTEXT context = 0;
    if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context) != SCARD_S_SUCCESS) {
        return ServiceState::refuses;
    }
    SCardReleaseContext(context);
    return ServiceState::answers;
}

}  // namespace sealkey::transport
