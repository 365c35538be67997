#include "bench/seal_load.h"

#include "bench/policy.h"
#include "bench/renewal_book.h"
#include "bench/renewal_contents.h"
#include "ca/channel_master.h"
#include "ca/error.h"
#include "seal/sm2.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

TokenRow require_loadable(Inventory& inventory, const std::string& serial) {
    const TokenRow row = inventory.token(serial);
    if (row.step != "done" || !in_service(row.state)) {
        throw CaError(Fault::policy, mark("Key %1 is %2: a seal is loaded to a finished key in service."),
                      {serial, row.step != "done" ? row.step : name_of(row.state)});
    }
    if (row.profile != "shipping") {
        throw CaError(Fault::policy, mark("Key %1 has no secure channel of its own: it isn't of the shipping profile."),
                      {serial});
    }
    const auto renewal = RenewalBook(inventory).last_of(serial);
    if (renewal && ca::is_open(renewal->state)) {
        throw CaError(Fault::policy, mark("Key %1 has a renewal (%2, %3), which brings a seal: it has to end first."),
                      {serial, renewal->rid, ca::name_of(renewal->state)});
    }
    return row;
}

ca::ByteVector signing_certificate(Inventory& inventory, token::Token& token, const std::string& serial) {
    const auto live = inventory.live_certificate(serial, ca::name_of(ca::Role::signature));
    if (!live) throw CaError(Fault::policy, mark("Key %1 has no valid signing certificate."), {serial});
    ca::ByteVector der = ca::unhex(live->der);
    if (token.read_certificate(ca::slot_of(ca::Role::signature)) != der) {
        throw CaError(Fault::quality, mark("The certificate in slot %1 isn't the one that was issued."), {live->slot});
    }
    return der;
}

// Whether the seal of before is the one that is ordered now.
bool is_ordered(const seal::Seal& seal, const SealOrder& order, const ca::ByteVector& certificate,
                const ca::ByteVector& maker) {
    const seal::Picture& picture = seal.info.picture;
    return picture.data == order.picture && picture.width_mm == order.width_mm &&
           picture.height_mm == order.height_mm && seal.info.certificates.size() == 1 &&
           seal.info.certificates[0] == certificate && seal.maker_certificate == maker;
}

seal::Seal made(const TokenRow& row, const ca::Authority& authority, EVP_PKEY* key, const SealOrder& order,
                const ca::ByteVector& certificate) {
    Order before = order_of_json(nlohmann::json::parse(row.order_text));
    before.seal_width_mm = order.width_mm;
    before.seal_height_mm = order.height_mm;
    const ca::Cert signing = ca::certificate_of_der(certificate);
    return seal::parse_seal(renewed_seal(row, before, order.picture, signing.get(), authority.seal_maker(), key));
}

void write(token::Token& token, const ca::ChannelMaster& master, const std::string& serial, Bytes seal) {
    ca::ChannelCrypto crypto;
    const token::Token::Transaction transaction(token);
    token.open_channel(crypto, ca::channel_keys(master, serial));
    token.write_object(protocol::object::seal, seal);
    token.close_channel();
    const auto there = token.find_object(protocol::object::seal);
    if (!there || !equal(*there, seal)) {
        throw CaError(Fault::quality, mark("The key doesn't hold the seal that was written to it."));
    }
}

}  // namespace

LoadedSeal load_seal(Inventory& inventory, const ca::Authority& authority, Bytes passphrase, token::Token& token,
                     const SealOrder& order) {
    if (order.request.find_first_not_of(" \t\r\n") == std::string::npos)
        throw CaError(Fault::policy, mark("A seal needs its approved request."));
    if (!order.maker_lists.empty()) {
        std::vector<seal::Cert> roots;
        roots.push_back(seal::certificate_of_der(ca::der_of(authority.seal_root())));
        seal::require_maker_in_use(authority.seal_maker(), roots, order.maker_lists, ca::now());
    }
    const ca::ChannelMaster master = ca::read_channel_master(authority, passphrase);
    // Asked for even where the former seal is written once more: that of a maker that is revoked isn't.
    const ca::PKey maker_key = authority.seal_maker_key(passphrase);
    LoadedSeal out;
    out.row = require_loadable(inventory, token.token_status().serial);
    const ca::ByteVector certificate = signing_certificate(inventory, token, out.row.serial);
    if (!out.row.seal.empty()) {
        out.seal = seal::parse_seal(ca::unhex(out.row.seal));
        out.again = is_ordered(out.seal, order, certificate, ca::der_of(authority.seal_maker()));
    }
    if (!out.again) out.seal = made(out.row, authority, maker_key.get(), order, certificate);
    {
        Inventory::Work work(inventory, order.operator_name);
        (void)require_loadable(inventory, out.row.serial);
        work.audit("seal", out.row.serial,
                   {{"request", order.request}, {"id", out.seal.info.id}, {"again", out.again}});
        if (!out.again) work.set_contents(out.row.serial, out.row.record, ca::hex(out.seal.der));
        work.commit();
    }
    write(token, master, out.row.serial, out.seal.der);
    out.row = inventory.token(out.row.serial);
    return out;
}

}  // namespace sealkey::bench
