using System.CommandLine;
using System.Globalization;
using Stoker.Engine;
using Stoker.Engine.Benchmarking;
using Stoker.Engine.Models;
using Stoker.Engine.Models.Preparing;
using Stoker.Server.Benchmarking;
using Stoker.Server.Packing;
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
        var root = new RootCommand("Stoker: on-demand LLM deployments on your own machines.") { Serve(), Quickstart(), Pack(), Prepare(), Bench(), Replica() };
        // Without an end of its own: by default the process is ended two seconds after a signal, in the middle of the
        // streams that it waits for. How long a server takes at most is Stoker:Runtime:ShutdownBound.
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors) await Console.Error.WriteLineAsync($"stoker: {error.Message}");
            await Console.Error.WriteLineAsync($"See: stoker {(parsed.CommandResult.Command == root ? "" : parsed.CommandResult.Command.Name + " ")}--help");
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
        var leave = new Option<bool>("--leave-replicas") { Description = "On SIGTERM leave the replicas to the next server (an upgrade): finish the open streams and end" };
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
        var serverless = new Option<bool>("--serverless") { Description = "On the serverless tier, for every account, instead of a deployment of your own" };
        var command = new Command("quickstart", "Start the platform, deploy a small model and stream a story from it") { data, exit, serverless };
        command.SetAction((parsed, cancellation) =>
            new QuickstartCommand(Console.Out, Console.Error).RunAsync(parsed.GetValue(data), parsed.GetValue(exit), parsed.GetValue(serverless), cancellation));
        return command;
    }

    private static Command Pack()
    {
        var model = new Option<string>("--model") { Description = "The model's folder", Required = true };
        var precision = PrecisionOption($"One of {string.Join(", ", PrecisionNames.All)}; auto is what a replica takes by itself");
        var output = new Option<string?>("--output") { Description = "The file to write; default: stoker-PRECISION.packed in the model's folder, where replicas look" };
        var verify = new Option<bool>("--verify") { Description = "Write nothing: read all of the packed file and check it" };
        var force = new Option<bool>("--force") { Description = "Pack although there is a good file" };
        output.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var file }] && ModelPacker.OutputFault(file) is { } fault) result.AddError($"--output: {fault}");
        });
        var threads = ThreadsOption();
        var command = new Command("pack", "Write a model's weights in the layout of the kernels, so that replicas start faster") { model, precision, output, verify, force, threads };
        command.Validators.Add(result =>
        {
            if (result.GetValue(verify) && result.GetValue(force)) result.AddError("--verify writes nothing, so --force has no meaning with it: leave one out");
        });
        command.SetAction((parsed, cancellation) => Task.Run(
            () => new PackCommand(Console.Out, Console.Error, Console.IsErrorRedirected ? null : Console.Error).Run(
                new(
                    parsed.GetValue(model)!, parsed.GetValue(precision), parsed.GetValue(output), parsed.GetValue(verify), parsed.GetValue(force),
                    parsed.GetValue(threads)),
                cancellation),
            CancellationToken.None));
        return command;
    }

    private static Command Prepare()
    {
        var model = new Option<string>("--model") { Description = "The model's folder; the packed file is written into it", Required = true };
        var precision = PrecisionOption($"One of {string.Join(", ", ModelPreparation.Precisions.Select(PrecisionNames.NameOf))}");
        precision.Required = true;
        var safetensors = new Option<string?>("--safetensors")
        {
            HelpName = "FOLDER",
            Description = $"A new folder for a variant that other engines read too (compressed-tensors; {string.Join(" or ", PreparedModel.Precisions.Select(PrecisionNames.NameOf))})",
        };
        var threads = ThreadsOption();
        var replace = new Option<bool>("--replace") { Description = "A variant of other files in the --safetensors folder gives way" };
        var json = new Option<bool>("--json") { Description = "Print progress and result as lines of JSON" };
        var command = new Command("prepare", "Make what a model needs to run in another precision than its own") { model, precision, safetensors, replace, threads, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(replace) && result.GetResult(safetensors) is null) result.AddError("--replace: has no meaning without --safetensors: leave it out");
            // An option that is missing or wrong has its own error already.
            if (result.GetResult(precision) is not { Tokens: [{ Value: var name }] } || !PrecisionNames.TryParse(name, out var asked)) return;
            if (ModelPreparation.Fault(asked, result.GetResult(safetensors) is not null) is { } fault) result.AddError($"--precision: {fault}");
        });
        command.SetAction((parsed, cancellation) => Task.Run(
            () => new PrepareCommand(Console.Out, Console.Error, Console.IsErrorRedirected ? null : Console.Error).Run(
                new()
                {
                    ModelFolder = parsed.GetValue(model)!,
                    Precision = parsed.GetValue(precision),
                    SafetensorsFolder = parsed.GetValue(safetensors),
                    Replace = parsed.GetValue(replace),
                    Threads = parsed.GetValue(threads),
                },
                parsed.GetValue(json), cancellation),
            CancellationToken.None));
        return command;
    }

    private static Command Bench()
    {
        var defaults = new BenchmarkOptions();
        var model = new Option<string>("--model") { Description = "The model's folder", Required = true };
        var precision = PrecisionOption($"One of {string.Join(", ", PrecisionNames.All)}");
        var kernels = new Option<string?>("--kernel-set")
        {
            HelpName = "NAME",
            Description = $"Forces a kernel set: one of {string.Join(", ", EngineOptions.KernelSets)}; default: the fastest that runs here",
        };
        var threads = ThreadsOption();
        var context = new Option<int?>("--context-length") { Description = "Positions of prompt and answer together; default: the model's" };
        var prefill = Number("--prefill", defaults.PrefillTokens, 1, 1_000_000, "Tokens of the long prompt, lowered to what the context holds");
        var sequences = new Option<int[]>("--sequences")
        {
            HelpName = "N,N,...",
            Description = $"Requests that generate at once, with commas between; default: {string.Join(",", defaults.Sequences)}",
            CustomParser = result =>
            {
                var parts = result.Tokens[0].Value.Split(',');
                var counts = parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : 0).ToArray();
                if (Array.TrueForAll(counts, count => count is >= 1 and <= 4096)) return counts;
                result.AddError($"--sequences takes numbers from 1 to 4096, such as 1,8,16; was '{result.Tokens[0].Value}'");
                return null;
            },
        };
        var tokens = Number("--tokens", defaults.GeneratedTokens, 2, 1_000_000, "Tokens that each of them generates in one run, lowered to what the context holds");
        var runs = Number("--runs", defaults.Runs, 1, 1000, "Measured runs of each row, after one to warm up");
        var json = new Option<bool>("--json") { Description = "Print the report as JSON" };
        var command = new Command("bench", "Measure a model on this machine, beside what the machine allows")
        {
            model, precision, kernels, threads, context, prefill, sequences, tokens, runs, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var options = new BenchmarkOptions
            {
                PrefillTokens = parsed.GetValue(prefill),
                Sequences = parsed.GetValue(sequences) is { Length: > 0 } given ? given : defaults.Sequences,
                GeneratedTokens = parsed.GetValue(tokens),
                Runs = parsed.GetValue(runs),
            };
            var engine = new EngineOptions
            {
                Precision = parsed.GetValue(precision),
                KernelSet = parsed.GetValue(kernels),
                Threads = parsed.GetValue(threads),
                ContextLength = parsed.GetValue(context),
                PinThreads = ThreadPinning.Auto,
            };
            return new BenchCommand(Console.Out, Console.Error).RunAsync(parsed.GetValue(model)!, engine, options, parsed.GetValue(json), cancellation);
        });
        return command;
    }

    private static Option<Precision> PrecisionOption(string description) => new("--precision")
    {
        HelpName = "P",
        Description = description,
        CustomParser = result =>
        {
            if (PrecisionNames.TryParse(result.Tokens[0].Value, out var parsed)) return parsed;
            result.AddError($"--precision takes one of {string.Join(", ", PrecisionNames.All)}, was '{result.Tokens[0].Value}'");
            return default;
        },
    };

    private static Option<int> ThreadsOption() => Number("--threads", 0, 0, 1024, "Worker threads; 0: all that the process may use");

    private static Option<int> Number(string name, int value, int least, int most, string description) => new(name)
    {
        HelpName = "N",
        Description = description,
        DefaultValueFactory = _ => value, // the help names it
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most) return number;
            result.AddError($"{name} takes a number from {least} to {most}, was '{text}'");
            return value;
        },
    };

    /// <summary>For the help alone: Program hands the real one its arguments untouched.</summary>
    private static Command Replica() => new("replica", "Run one replica of one model (stoker replica --help)");

    private static Option<string?> Data() => new("--data") { Description = "The data directory; else STOKER_DATA, else ~/.stoker (quickstart: a throw-away folder)" };
}
