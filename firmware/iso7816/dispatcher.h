// From raw APDUs to whole commands and back: command chaining (ISO/IEC 7816-4 clause 5.3.3), GET RESPONSE (clause
// 11.7.1), class bytes, application selection.
#pragma once

#include <array>
#include <cstddef>

#include "iso7816/application.h"
#include "protocol/limits.h"

namespace sealkey::iso7816 {

class Dispatcher {
public:
    // One application today; it is selected from the start (SP 800-73-4 part 1, 2.2 allows that).
    explicit Dispatcher(Application& application) : application_(application) {}

    // Ends an open chain, drops a reply not yet collected and the application's session.
    void reset();

    // Handles one command APDU; writes at most response.size() bytes of data and status word, which must be at least 2
    // (258 for what short APDUs can ask for), and returns their number.
    std::size_t transmit(Bytes raw, MutableBytes response);

private:
    enum class Chain : std::uint8_t { none, collecting, streaming };

    StatusWord handle(const Command& command);
    StatusWord handle_get_response(const Command& command);
    StatusWord handle_select(const Command& command);
    StatusWord handle_block(const Command& command, bool more);
    StatusWord handle_collected(const Command& block);
    StatusWord process(const Command& command);
    StatusWord collect(const Command& command, bool more);
    StatusWord stream(const Command& command, bool more);
    bool begins_chain(const Header& header) const;
    void end_chain();
    std::size_t answer(StatusWord status, std::uint32_t le, MutableBytes out);

    Application& application_;
    Response response_;
    std::uint32_t sent_ = 0;                      // of response_, collected by the host so far
    bool reply_pending_ = false;                  // GET RESPONSE may follow
    StatusWord final_status_ = protocol::sw::ok;  // what stands behind the reply's last byte
    Chain chain_ = Chain::none;
    Header chain_header_{};
    std::array<std::uint8_t, protocol::kMaxCommandData> buffer_{};
    std::size_t buffered_ = 0;
};

}  // namespace sealkey::iso7816
