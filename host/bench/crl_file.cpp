#include "bench/crl_file.h"

#include <algorithm>
#include <vector>

namespace sealkey::bench {

namespace {

void write_files(const ca::Authority& authority, const std::string& name, const X509_CRL* list) {
    const auto der = ca::der_of(list);
    ca::write_file(authority.path(name + ".pem"), ca::pem_of(list), false);
    ca::write_file(authority.path(name + ".der"), std::string(der.begin(), der.end()), false);
}

// Another bench may have made a newer list meanwhile, which holds what is on this one: it isn't overwritten.
void publish(Inventory& inventory, const ca::Authority& authority, const std::string& operator_name,
             const X509_CRL* list, std::uint64_t number) {
    const Inventory::Work alone(inventory, operator_name);  // nothing is changed: never committed
    if (inventory.crl_number() != number) return;
    write_files(authority, "crl", list);
}

// A list of a root, whose number is the time: they are rare.
struct RareList {
    Inventory& inventory;
    const ca::Authority& authority;
    const std::string& operator_name;
    const char* name;
};

WrittenCrl write_rare(const RareList& what, const X509* root, EVP_PKEY* key, const std::vector<ca::Revoked>& revoked,
                      int days) {
    const ca::Time now = ca::now();
    const ca::Time next = now + std::chrono::hours(24) * days;
    const auto number = static_cast<std::uint64_t>(now.time_since_epoch().count());
    const ca::Crl list = ca::make_crl(root, key, revoked, number, now, next);
    Inventory::Work work(what.inventory, what.operator_name);
    auto makers = nlohmann::json::array();
    for (const ca::Revoked& one : revoked) makers.push_back(one.serial);
    work.audit(what.name, std::to_string(number),
               {{"revoked", makers}, {"sha256", ca::sha256_hex(ca::der_of(list.get()))}});
    work.commit();
    write_files(what.authority, what.name, list.get());
    return {number, revoked.size(), next};
}

}  // namespace

WrittenCrl write_crl_files(Inventory& inventory, const ca::Authority& authority, EVP_PKEY* issuing_key,
                           const std::string& operator_name, int days) {
    const ca::Time next = ca::now() + std::chrono::hours(24) * days;
    std::vector<ca::Revoked> revoked;
    std::uint64_t number = 0;
    ca::Crl list;
    {
        Inventory::Work work(inventory, operator_name);
        revoked = inventory.revoked();
        number = work.next_crl_number();
        list = ca::make_crl(authority.issuing(), issuing_key, revoked, number, ca::now(), next);
        work.audit("crl", std::to_string(number),
                   {{"entries", revoked.size()}, {"sha256", ca::sha256_hex(ca::der_of(list.get()))}});
        work.commit();
    }
    // The number is used up before the list is seen: whatever ends this here, the next list has another.
    publish(inventory, authority, operator_name, list.get(), number);
    return {number, revoked.size(), next};
}

WrittenCrl write_root_crl_files(Inventory& inventory, const ca::Authority& authority, EVP_PKEY* root_key,
                                const std::string& operator_name, int days) {
    return write_rare({inventory, authority, operator_name, "root-crl"}, authority.root(), root_key, {}, days);
}

WrittenCrl write_seal_crl_files(Inventory& inventory, const ca::Authority& authority, EVP_PKEY* seal_root_key,
                                const std::string& operator_name, int days, const std::string& reason) {
    std::vector<ca::Revoked> revoked = authority.revoked_makers();
    const std::string serial = ca::serial_of(authority.seal_maker());
    const bool there =
        std::any_of(revoked.begin(), revoked.end(), [&](const auto& one) { return one.serial == serial; });
    if (!reason.empty() && !there) {
        ca::check_revocation_reason(reason);
        revoked.push_back({serial, ca::now(), reason});
    }
    return write_rare({inventory, authority, operator_name, "seal-crl"}, authority.seal_root(), seal_root_key, revoked,
                      days);
}

}  // namespace sealkey::bench
