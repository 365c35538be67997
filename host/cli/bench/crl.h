// The revocation list, made anew.
#pragma once

#include "cli/bench/bench_common.h"
#include "seal/error.h"

namespace sealkey::cli {

// Writes crl.pem and crl.der into the CA's folder; `days` 0 means 7. Tells and adds to the result.
void write_crl(Context& context, const ca::Authority& authority, bench::Inventory& inventory, Bytes passphrase,
               const std::string& operator_name, int days);

[[nodiscard]] Failed explain_seal(const seal::SealError& error);

}  // namespace sealkey::cli
