#include "bench/renewal_contents.h"

#include "ca/error.h"
#include "seal/seal.h"
#include "token/error.h"
#include "token/record.h"

namespace sealkey::bench {

namespace {

constexpr char kSealVendor[] = "SEALKEY";

std::string day_of(ca::Time time) { return ca::iso_time(time).substr(0, 10); }

}  // namespace

ca::ByteVector renewed_record(const TokenRow& row, const Order& order, const X509* signing) {
    token::EnterpriseRecord record;
    record.unified_code = order.unified_code;
    if (!order.old_code.empty()) record.old_code = order.old_code;
    record.login_name = row.login_name;
    record.enterprise_name = order.enterprise_name;
    record.key_number = row.key_number;
    record.key_limit = kKeysPerEnterprise;
    record.issued_on = day_of(ca::now());
    record.valid_until = day_of(ca::time_of(X509_get0_notAfter(signing)));
    if (!order.english_name.empty()) record.english_name = order.english_name;
    if (!order.authorised_user.empty()) record.authorised_user = order.authorised_user;
    try {
        return token::encode_record(record);
    } catch (const token::TokenError& error) {
        throw ca::CaError(ca::Fault::bad_argument, ca::mark("The enterprise record can't be made: %1."),
                          {error.what()});
    }
}

ca::ByteVector renewed_seal(const TokenRow& row, const Order& order, Bytes picture, const X509* signing,
                            const X509* maker, EVP_PKEY* maker_key) {
    if (picture.empty() && row.seal.empty()) return {};
    const ca::ByteVector certificate = ca::der_of(signing);
    seal::SealInfo info;
    info.vendor = kSealVendor;
    info.id = row.serial + "-" + ca::sha256_hex(certificate).substr(0, 8);
    info.name = order.seal_name.empty() ? order.enterprise_name : order.seal_name;
    info.certificates = {certificate};
    info.created = info.not_before = ca::now();
    info.not_after = ca::time_of(X509_get0_notAfter(signing));
    if (picture.empty()) {
        info.picture = seal::parse_seal(ca::unhex(row.seal)).info.picture;
    } else {
        info.picture = {"PNG", {picture.begin(), picture.end()}, order.seal_width_mm, order.seal_height_mm};
    }
    return seal::make_seal(info, maker_key, maker);
}

}  // namespace sealkey::bench
