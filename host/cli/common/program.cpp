#include "cli/common/program.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sealkey::cli {

namespace {

void print(const nlohmann::json& document) {
    // Broken UTF-8 from a card is replaced, never an exception here.
    const std::string text = document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
    std::fputs(text.c_str(), stdout);
    std::fputc('\n', stdout);
}

int report(const Output& out, const std::string& program, const Failed& failure) {
    if (out.json()) {
        nlohmann::json error = failure.details();
        error["code"] = static_cast<int>(failure.code());
        error["name"] = exit_name(failure.code());
        error["message"] = failure.what();
        print({{"ok", false}, {"error", error}});
    } else {
        std::fflush(stdout);
        std::fprintf(stderr, "%s: %s\n", program.c_str(), failure.what());
    }
    return static_cast<int>(failure.code());
}

// Whether all that was said came out: an answer or a code that nobody got is a failure.
bool delivered(const std::string& program) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
    const std::string text = fill(tr("%1 can't be written: %2"), {tr("Standard output"), std::strerror(errno)});
    std::fprintf(stderr, "%s: %s\n", program.c_str(), text.c_str());
    return false;
}

Failed explain_any() {
    try {
        throw;
    } catch (const Failed& failure) {
        return failure;
    } catch (const token::TokenError& error) {
        return explain(error);
    } catch (const transport::TransportError& error) {
        return explain(error);
    } catch (const token::CodeError& error) {
        return explain(error);
    } catch (const std::exception& error) {
        return {Exit::failed, fill(tr("Something unexpected happened: %1"), {error.what()})};
    }
}

// CLI11's headings in the user's language.
void translate_help(CLI::App& app) {
    const auto formatter = app.get_formatter();
    formatter->label("Usage", tr("Usage"));
    formatter->label("OPTIONS", tr("OPTIONS"));
    formatter->label("SUBCOMMAND", tr("COMMAND"));
    formatter->label("SUBCOMMANDS", tr("COMMANDS"));
    formatter->label("Positionals", tr("Arguments"));
    formatter->label("REQUIRED", tr("required"));
    formatter->label("TEXT", tr("TEXT"));
    formatter->column_width(30);
}

// Its own group of --help is English in every command.
void translate_groups(CLI::App& app) {
    if (app.get_help_ptr() != nullptr) app.get_help_ptr()->group(tr("Options"));
    for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) translate_groups(*command);
}

// What CLI11 finds wrong, in the user's language; its own words go into the JSON's detail.
std::string usage_text(CLI::App& app, const CLI::ParseError& error) {
    std::string extras;
    for (const auto& extra : app.remaining(true)) extras += (extras.empty() ? "" : " ") + extra;
    if (!extras.empty()) return fill(tr("%1 isn't known here."), {printable(extras)});
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
        return app.get_subcommands().empty() ? tr("A command is missing.")
                                             : tr("Something that the command needs is missing.");
    }
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
        return tr("A value is missing, or there are too many.");
    return tr("A value isn't one that is taken here.");
}

// --help and --version are no faults; everything else is a usage error.
int usage(CLI::App& app, const CLI::ParseError& error, const Output& out, const std::string& program) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::string help = program;
    for (const auto* command : app.get_subcommands()) help += " " + command->get_name();
    help += " --help";
    const Failed failure(Exit::usage,
                         fill(tr("The command line isn't right: %1 Nothing was done. `%2` shows what there is."),
                              {usage_text(app, error), help}),
                         {{"detail", error.what()}});
    return report(out, program, failure);
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
    init_messages(program.name);
    Context context;
    CLI::App app(tr(program.summary), program.name);
    translate_help(app);
    app.option_defaults()->group(tr("Options"));
    app.set_help_flag("-h,--help", tr("Show this help"));
    app.set_version_flag("--version", SEALKEY_VERSION, tr("Show the version"));
    app.add_flag_callback(
        "--json", [&context] { context.out.use_json(); }, tr("Answer with one JSON document"));
    if (program.chooses_key) context.choice.add_to(app);
    app.require_subcommand(1);
    app.fallthrough();
    Run selected;
    for (const auto& entry : program.commands) {
        CLI::App* command = app.add_subcommand(entry.name, tr(entry.summary));
        command->group(tr("Commands"));
        command->fallthrough();  // --json, --serial, --reader may stand behind the command too
        Run run = entry.define(*command);
        command->callback([&selected, run] { selected = run; });
    }
    translate_groups(app);
    // Known before parsing can fail, so that a usage error answers in JSON as well.
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "--json") context.out.use_json();
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return usage(app, error, context.out, program.name);
    }
    try {
        const Exit code = selected(context);
        if (context.out.json()) {
            context.out.result["ok"] = code == Exit::ok;
            print(context.out.result);
        }
        return static_cast<int>(delivered(program.name) ? code : Exit::file_error);
    } catch (...) {
        return report(context.out, program.name, explain_any());
    }
}

}  // namespace sealkey::cli
