#include "bench/crl_file.h"

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
    const ca::Time now = ca::now();
    const ca::Time next = now + std::chrono::hours(24) * days;
    const auto number = static_cast<std::uint64_t>(now.time_since_epoch().count());
    const ca::Crl list = ca::make_crl(authority.root(), root_key, {}, number, now, next);
    Inventory::Work work(inventory, operator_name);
    work.audit("root-crl", std::to_string(number), {{"sha256", ca::sha256_hex(ca::der_of(list.get()))}});
    work.commit();
    write_files(authority, "root-crl", list.get());
    return {number, 0, next};
}

}  // namespace sealkey::bench
