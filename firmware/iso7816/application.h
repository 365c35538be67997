// What a card application is to the dispatcher.
#pragma once

#include "iso7816/apdu.h"
#include "iso7816/response.h"

namespace sealkey::iso7816 {

class Application {
public:
    // True when this (whole or partial) name means this application.
    [[nodiscard]] virtual bool has_name(Bytes aid) const = 0;
    // SELECT found it: the answer to it.
    [[nodiscard]] virtual StatusWord select(Response& response) = 0;

    // An APDU has come in that isn't the collecting of a reply (GET RESPONSE): any block of a chain, and with an empty
    // header one that can't be read. What it does comes after this, if it does anything.
    virtual void arrived(const Header& header) = 0;

    // One whole command; chained blocks have been put together. Only 9000 carries the response's bytes.
    [[nodiscard]] virtual StatusWord process(const Command& command, Response& response) = 0;

    // One whole command with the secure-messaging bit (class 04 or 84): its `size` bytes of data stand at the start of
    // `work`, the command buffer, which is the application's until it returns. 9000 and the warnings 62xx and 63xx
    // carry the response's bytes.
    [[nodiscard]] virtual StatusWord process_secure(const Header& header, MutableBytes work, std::size_t size,
                                                    Response& response) = 0;

    // SELECT named something that isn't here. This application stays selected.
    virtual void select_failed() = 0;

    // Commands whose data is taken block by block instead, because it may exceed the command buffer.
    [[nodiscard]] virtual bool streams(const Header& header) const = 0;
    // The next block; the first has `first`, the last `last`. Anything but 9000 ends the command. `scratch` is the
    // command buffer, free for the application from the first block to the last.
    [[nodiscard]] virtual StatusWord stream_block(const Header& header, Bytes block, bool first, bool last,
                                                  MutableBytes scratch) = 0;
    // The command won't be finished: another came in between, or the card was reset.
    virtual void stream_abandon() = 0;

    // Power-on or reset: no session state is left.
    virtual void reset() = 0;

protected:
    ~Application() = default;  // nobody deletes one: there is no heap
};

}  // namespace sealkey::iso7816
