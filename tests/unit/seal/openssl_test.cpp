// The seal, checked by a program that knows nothing of this code: openssl.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "unit/seal/maker.h"

namespace sealkey::seal::test {
namespace {

class SealByOpenssl : public testing::Test {
protected:
    SealByOpenssl() {
        std::string name = (std::filesystem::temp_directory_path() / "sealkey-seal-XXXXXX").string();
        folder_ = mkdtemp(name.data());
    }
    ~SealByOpenssl() override { std::filesystem::remove_all(folder_); }

    std::string file(const std::string& name, Bytes content) {
        const std::string path = folder_ + "/" + name;
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
        return path;
    }
    // Exit code and output of a command.
    static std::pair<int, std::string> run(const std::string& command) {
        FILE* pipe = popen((command + " 2>&1").c_str(), "r");
        std::string out;
        std::array<char, 4096> part{};
        while (const std::size_t got = fread(part.data(), 1, part.size(), pipe)) out.append(part.data(), got);
        return {pclose(pipe), out};
    }

    Maker maker_;
    std::string folder_;
};

TEST_F(SealByOpenssl, SignatureIsRightAndAChangedInfoIsNot) {
    const Seal seal = parse_seal(maker_.seal());
    const std::string certificate = file("maker.der", seal.maker_certificate);
    const std::string key = folder_ + "/maker.pub";
    ASSERT_EQ(run("openssl x509 -in " + certificate + " -noout -pubkey -out " + key).first, 0);
    const std::string verify = "openssl dgst -sm3 -sigopt distid:1234567812345678 -verify " + key + " -signature " +
                               file("signature", seal.signature) + " ";
    EXPECT_EQ(run(verify + file("info", seal.info_der)).second, "Verified OK\n");
    ByteVector changed = seal.info_der;
    changed[changed.size() / 2] ^= 1;
    const auto [code, out] = run(verify + file("changed", changed));
    EXPECT_NE(code, 0);
    EXPECT_NE(out.find("Verif"), std::string::npos) << out;
}

TEST_F(SealByOpenssl, StructureIsThatOfTheStandard) {
    const auto [code, out] = run("openssl asn1parse -inform DER -in " + file("seal", maker_.seal()));
    ASSERT_EQ(code, 0) << out;
    std::vector<std::string> types;
    std::size_t at = 0;
    while ((at = out.find("d=", at)) != std::string::npos) {
        const std::size_t colon = out.find(": ", at);
        const std::size_t end = out.find_first_of(":[\n", colon + 1);
        std::string type = out.substr(at + 2, 1) + " " + out.substr(colon + 2, end - colon - 2);
        while (type.back() == ' ') type.pop_back();
        types.push_back(type);
        at = end;
    }
    const std::vector<std::string> wanted = {
        "0 SEQUENCE",     "1 SEQUENCE",        "2 SEQUENCE",        "3 IA5STRING",       "3 INTEGER",  "3 IA5STRING",
        "2 IA5STRING",    "2 SEQUENCE",        "3 INTEGER",         "3 UTF8STRING",      "3 INTEGER",  "3 SEQUENCE",
        "4 OCTET STRING", "3 GENERALIZEDTIME", "3 GENERALIZEDTIME", "3 GENERALIZEDTIME", "2 SEQUENCE", "3 IA5STRING",
        "3 OCTET STRING", "3 INTEGER",         "3 INTEGER",         "1 OCTET STRING",    "1 OBJECT",   "1 BIT STRING"};
    EXPECT_EQ(types, wanted) << out;
}

}  // namespace
}  // namespace sealkey::seal::test
