using System.CommandLine;
using Stoker.Server.Quickstart;
using Stoker.Server.Serving;

namespace Stoker.Server;

/// <summary>The verbs of <c>stoker</c>.</summary>
internal static class StokerCommands
{
    /// <summary>As firectl and <c>stoker replica</c> end for a wrong command line.</summary>
    private const int WrongUsage = 2;

    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Stoker: on-demand LLM deployments on your own machines.") { Serve(), Quickstart(), Replica() };
        // Without an end of its own: by default the process is ended two seconds after a signal, in the middle of the
        // streams that it waits for. How long a server takes at most is Stoker:Runtime:ShutdownBound.
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors) await Console.Error.WriteLineAsync($"stoker: {error.Message}");
            await Console.Error.WriteLineAsync("See: stoker --help");
            return WrongUsage;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = Timeout.InfiniteTimeSpan });
    }

    private static Command Serve()
    {
        var url = new Option<Uri>("--url")
        {
            Description = "The address to listen on",
            DefaultValueFactory = _ => ServerOptions.DefaultUrl,
            CustomParser = result =>
            {
                if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var parsed) && parsed.PathAndQuery == "/") return parsed;
                result.AddError($"--url takes an address without a path, such as {ServerOptions.DefaultUrl.GetLeftPart(UriPartial.Authority)}, was '{result.Tokens[0].Value}'");
                return null;
            },
        };
        var data = Data();
        var config =
            new Option<string?>("--config") { Description = "A JSON file of options; see docs/configuration.md" };
        var newKey = new Option<bool>("--new-admin-key") { Description = "Make a new admin key and revoke the one it replaces: for when it is lost" };
        var leave = new Option<bool>("--leave-replicas") { Description = "On SIGTERM leave the replicas to the next server (an upgrade)" };
        var level = new Option<LogLevel>("--log-level") { Description = "Least severe log line shown", DefaultValueFactory = _ => LogLevel.Information };
        var command =
            new Command("serve", "Run the platform: API, gateway and controllers") { url, data, config, leave, newKey, level };
        command.SetAction((parsed, cancellation) => ServeCommand.RunAsync(
            new ServerOptions
            {
                Url = parsed.GetValue(url)!,
                DataDirectory = ServerOptions.DataDirectoryOr(parsed.GetValue(data)),
                ConfigFile = parsed.GetValue(config),
                LeaveReplicas = parsed.GetValue(leave),
                NewAdminKey = parsed.GetValue(newKey),
                LogLevel = parsed.GetValue(level),
            },
            cancellation));
        return command;
    }

    private static Command Quickstart()
    {
        var data = Data();
        var exit = new Option<bool>("--exit") { Description = "End after the story instead of staying up" };
        var command = new Command("quickstart", "Start the platform, deploy a small model and stream a story from it") { data, exit };
        command.SetAction((parsed, cancellation) =>
            new QuickstartCommand(Console.Out, Console.Error).RunAsync(parsed.GetValue(data), parsed.GetValue(exit), cancellation));
        return command;
    }

    /// <summary>For the help alone: Program hands the real one its arguments untouched.</summary>
    private static Command Replica() => new("replica", "Run one replica of one model (stoker replica --help)");

    private static Option<string?> Data() => new("--data") { Description = "The data directory; else STOKER_DATA, else ~/.stoker (quickstart: a throw-away folder)" };
}
