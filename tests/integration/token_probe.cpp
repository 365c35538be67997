// A program that keeps one token open and does what standard input says, one word a line, one line of answer each: how
// the tests put two programs at one reader. Usage: token_probe READER-PART PATIENCE-MILLISECONDS
// "fork": a child does away with all that it has inherited and looks for itself; two lines.
// Over USB without pcscd where SEALKEY_USB=1.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "token/token.h"
#include "transport/usb/provider.h"

namespace {

using sealkey::token::Token;
namespace transport = sealkey::transport;

sealkey::transport::ByteView view(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

sealkey::token::ByteVector bytes_of(const std::string& digits) {
    sealkey::token::ByteVector bytes;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(at, 2), nullptr, 16)));
    }
    return bytes;
}

std::string hex(const sealkey::token::ByteVector& bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const std::uint8_t byte : bytes) out += {kDigits[byte >> 4], kDigits[byte & 15]};
    return out;
}

std::string act(Token& token, const std::string& word, const std::string& argument) {
    if (word == "status") return token.token_status().serial;
    if (word == "verify") {
        token.verify(view(argument));
        return "verified";
    }
    if (word == "verified") return token.pin_presence().verified ? "yes" : "no";
    if (word == "lost") return std::to_string(token.sessions_lost());
    if (word == "extended") return token.connection().extended_length() ? "yes" : "no";
    if (word == "hold" || word == "release") {
        static std::unique_ptr<Token::Transaction> held;
        held.reset();
        if (word == "hold") held = std::make_unique<Token::Transaction>(token);
        return word;
    }
    if (word == "sign") {
        const sealkey::token::ByteVector digest(32, 0x5A);
        return token.sign(0x9A, sealkey::protocol::Algorithm::p256, digest).empty() ? "empty" : "signed";
    }
    if (word == "apdu") return hex(token.connection().transmit(bytes_of(argument)));
    return "what?";
}

const char* name_of(transport::Failure failure) {
    static constexpr const char* kNames[] = {"no_service", "no_reader", "no_card",      "card_reset",
                                             "in_use",     "timeout",   "communication"};
    return kNames[static_cast<int>(failure)];
}

// What a program finds that goes on in a child after fork(): words for the tests.
void act_as_child(std::unique_ptr<transport::Provider>& provider, std::unique_ptr<Token>& token) {
    constexpr std::chrono::milliseconds kMoment{300};
    const auto failure = [](const auto& action) {
        try {
            action();
        } catch (const transport::TransportError& error) {
            return name_of(error.failure());
        }
        return "none";
    };
    std::cout << "inherited: " << failure([&] { (void)token->connection().transmit(bytes_of("00a4040000")); });
    provider->cancel();
    token.reset();
    const auto readers = provider->readers();
    std::cout << ", readers:";
    for (const auto& reader : readers) std::cout << ' ' << reader.name;
    std::cout << ", cancelled wait: " << provider->wait_for_change({}, kMoment);
    std::cout << ", change: " << provider->wait_for_change(readers, kMoment);
    std::cout << ", anew: " << failure([&] { (void)provider->connect(readers.at(0).name); });
    std::cout << ", PLUG" << std::endl;
    std::cout << "changed: " << provider->wait_for_change(readers, std::chrono::seconds(20)) << ", ";
    provider.reset();
}

std::string in_a_child(std::unique_ptr<transport::Provider>& provider, std::unique_ptr<Token>& token) {
    const pid_t child = ::fork();
    if (child == 0) {
        act_as_child(provider, token);
        std::cout.flush();
        _exit(0);
    }
    // One that hangs may have every signal blocked.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > deadline) ::kill(child, SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return WIFEXITED(status) ? "ended " + std::to_string(WEXITSTATUS(status))
                             : "signal " + std::to_string(WTERMSIG(status));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    try {
        const std::chrono::milliseconds patience(std::stoi(argv[2]));
        auto provider = transport::usb_is_chosen() ? transport::make_usb_provider(patience)
                                                   : transport::make_pcsc_provider(patience);
        std::unique_ptr<Token> token;
        for (const auto& reader : provider->readers()) {
            if (!reader.card_present || reader.name.find(argv[1]) == std::string::npos) continue;
            token = std::make_unique<Token>(provider->connect(reader.name));
            break;
        }
        std::cout << (token ? "ready" : "no card") << std::endl;
        std::string word;
        while (token && std::cin >> word) {
            if (word == "fork") {
                std::cout << in_a_child(provider, token) << std::endl;
                continue;
            }
            std::string argument;
            if (word == "verify" || word == "apdu") std::cin >> argument;
            try {
                std::cout << act(*token, word, argument) << std::endl;
            } catch (const transport::TransportError& error) {
                std::cerr << error.what() << '\n';
                std::cout << name_of(error.failure()) << std::endl;
            } catch (const sealkey::token::TokenError& error) {
                std::cout << "error " << std::hex << error.status_word() << std::endl;
            }
        }
    } catch (const transport::TransportError& error) {
        std::cout << name_of(error.failure()) << std::endl;
    }
    return 0;
}
