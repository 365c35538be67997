#include "cli/common/keys.h"

#include "cli/common/failure.h"
#include "cli/common/i18n.h"
#include "cli/common/progress.h"
#include "transport/usb/provider.h"

namespace sealkey::cli {

Found find_keys(transport::Provider& provider) {
    Found found;
    for (const auto& reader : provider.readers()) {
        if (!reader.card_present) {
            found.others.push_back({reader.name, false, {}});
            continue;
        }
        try {
            auto token = std::make_unique<token::Token>(provider.connect(reader.name));
            auto status = token->recognise();
            if (status) {
                found.keys.push_back({reader.name, std::move(*status), std::move(token)});
            } else {
                found.others.push_back({reader.name, true, {}});
            }
        } catch (const transport::TransportError& error) {
            // One bad reader must not hide the others.
            found.others.push_back({reader.name, true, explain(error).what()});
        }
    }
    return found;
}

void KeyChoice::add_to(CLI::App& app) {
    app.add_option("--serial", serial_, tr("The key with this serial number"))->type_name(tr("SERIAL"));
    app.add_option("--reader", reader_, tr("The key in the reader whose name contains this"))->type_name(tr("NAME"));
}

FoundKey KeyChoice::open() const {
    const auto provider = transport::make_program_provider();
    Found found = [&] {
        const Busy busy(tr("Waiting for the key"));  // another program may hold it for a while
        return find_keys(*provider);
    }();
    std::vector<FoundKey> fitting;
    for (auto& key : found.keys) {
        const bool serial_fits = serial_.empty() || key.status.serial == serial_;
        const bool reader_fits = reader_.empty() || key.reader.find(reader_) != std::string::npos;
        if (serial_fits && reader_fits) fitting.push_back(std::move(key));
    }
    if (fitting.size() == 1) return std::move(fitting.front());
    if (fitting.size() > 1) {
        nlohmann::json serials = nlohmann::json::array();
        std::string names;
        for (const auto& key : fitting) {
            serials.push_back(key.status.serial);
            names += (names.empty() ? "" : ", ") + key.status.serial;
        }
        throw Failed(Exit::several_keys,
                     fill(tr("Several keys are plugged in: %1. Say which one with --serial."), {names}),
                     {{"serials", serials}});
    }
    if (!serial_.empty()) {
        throw Failed(Exit::no_key, fill(tr("No key with serial number %1 is plugged in."), {serial_}));
    }
    for (const auto& other : found.others) {
        if (!other.fault.empty()) throw Failed(Exit::no_service, other.reader + ": " + other.fault);
    }
    throw Failed(Exit::no_key, tr("No key is plugged in. Plug it in and try again; `sealkey list` shows the readers."));
}

}  // namespace sealkey::cli
