// Why the smart-card service can't be used, told apart: for those who ask what to do about it.
#pragma once

namespace sealkey::transport {

enum class ServiceState {
    answers,
    not_installed,  // no pcscd on this system
    not_running,    // nobody listens at its socket
    forbidden,      // the socket isn't open to this user
    refuses,        // it takes the connection and then ends it: its policy doesn't allow this user or this login
};

[[nodiscard]] ServiceState probe_pcsc_service();

// The most readers that pcscd knows; one more isn't seen by any program.
inline constexpr unsigned kMostPcscReaders = 16;

}  // namespace sealkey::transport
