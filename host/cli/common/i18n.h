// Messages in the user's language. The program's own catalogue is asked first, then `sealkey`, which also holds what
// the shared helpers say. xgettext keywords: tr:1, trn:1,2, mark:1.
#pragma once

#include <initializer_list>
#include <string>

namespace sealkey::cli {

// Chooses the language by the locale (LC_ALL, LC_MESSAGES, LANG, LANGUAGE) and finds the catalogues beside the program
// (locale/) or in ../share/locale. A locale that isn't installed still chooses the language.
void init_messages(const char* domain);

[[nodiscard]] const char* tr(const char* text);
[[nodiscard]] const char* trn(const char* singular, const char* plural, unsigned long n);
// Marks a text for translation where it stands in a table; tr() translates it where it is used.
constexpr const char* mark(const char* text) { return text; }

// Puts the arguments for %1, %2, ... (in any order, so that a translation may turn them round).
[[nodiscard]] std::string fill(const std::string& text, std::initializer_list<std::string> arguments);

}  // namespace sealkey::cli
