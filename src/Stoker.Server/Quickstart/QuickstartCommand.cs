using System.Diagnostics;
using System.Globalization;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.Server.Serving;

namespace Stoker.Server.Quickstart;

/// <summary>
/// From nothing to a story: starts a server, creates a deployment of story-3m or puts it on the serverless tier, waits until it is ready, streams an
/// answer from it through the public gateway, and prints how to do the same by hand.
/// </summary>
internal sealed class QuickstartCommand(TextWriter output, TextWriter errors)
{
    private const string Model = "accounts/fireworks/models/story-3m";
    private const string Prompt = "Once upon a time";
    private const string DeploymentId = "story";
    private const string SharedDeployment = "accounts/fireworks/deployments/story-3m";

    // A state changes some 100 ms after the server knows more; asking it costs 100 us.
    private static readonly TimeSpan StateInterval = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(60);

    /// <param name="serverless">On the platform's replicas, for every account, instead of a deployment of the account's own.</param>
    public async Task<int> RunAsync(string? data, bool exit, bool serverless, CancellationToken cancellation)
    {
        var throwAway = data is null ? Directory.CreateTempSubdirectory("stoker-") : null;
        try
        {
            var options = new ServerOptions
            {
                Url = ListenAddress.WhyNot(ServerOptions.DefaultUrl) is null ? ServerOptions.DefaultUrl : new Uri("http://127.0.0.1:0"),
                DataDirectory = throwAway?.FullName ?? ServerOptions.DataDirectoryOr(data),
                LogLevel = LogLevel.Warning,
            };
            await using var server = await StokerServer.StartAsync(options, cancellation);
            await TellStoryAsync(server, serverless, cancellation);
            if (exit) return 0;

            await output.WriteLineAsync("\nThe server stays up; Ctrl-C ends it" + (throwAway is null ? "." : " and removes its data."));
            await server.WaitForShutdownAsync(cancellation);
            return 0;
        }
        catch (QuickstartException problem)
        {
            await errors.WriteLineAsync($"quickstart: {problem.Message}");
            return 1;
        }
        catch (StartException problem)
        {
            await errors.WriteLineAsync($"quickstart: {problem.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 130; // as a shell reports Ctrl-C
        }
        finally
        {
            throwAway?.Delete(recursive: true);
        }
    }

    private async Task TellStoryAsync(StokerServer server, bool serverless, CancellationToken cancellation)
    {
        await output.WriteLineAsync($"Stoker listens on {server.Url} ({SinceProcessStart():0.00} s after process start)");
        using var client = new QuickstartClient(server.Url, server.AdminKey);
        var deployment = serverless ? await MarkAsync(client, cancellation) : await CreateAsync(client, server.Account, cancellation);
        await output.WriteLineAsync($"Deployment {deployment} is READY ({SinceProcessStart():0.00} s)\n");

        var address = serverless ? Model : $"{Model}#{deployment}";
        await output.WriteAsync(Prompt);
        var (generated, events, asked) = (0, 0, Stopwatch.GetTimestamp());
        var (firstToken, sinceStart) = (TimeSpan.Zero, 0d);
        await foreach (var text in client.CompleteAsync(address, Prompt, maxTokens: 160, count => generated = count, cancellation))
        {
            if (events++ == 0) (firstToken, sinceStart) = (Stopwatch.GetElapsedTime(asked), SinceProcessStart());
            await output.WriteAsync(text);
            await output.FlushAsync(cancellation);
        }

        // Of the whole: in a new process the first event waits for code to be compiled, and tokens come behind it in a burst.
        var whole = Stopwatch.GetElapsedTime(asked);
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"""


            From process start to the first token: {sinceStart:0.00} s
            Time to first token of the request:    {firstToken.TotalMilliseconds:0} ms
            Tokens per second of all of it:        {generated / whole.TotalSeconds:0} ({generated} tokens)

            The same by hand (firectl: `dotnet build -c Release`, then artifacts/bin/Firectl/release/firectl):
              KEY=$(cat {server.KeyFile})
              curl {server.Url}inference/v1/completions -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \
                -d '{Example(address)}'
              firectl create deployment {Model} --deployment-id my-story --wait
              firectl get deployment {(serverless ? deployment : DeploymentId)}
              firectl update model {Model} --serverless{(serverless ? "   # as this did" : "   # for every account, by the model's name alone; or: stoker quickstart --serverless")}
            """));
    }

    private static string Example(string address) =>
        $$"""{"model": "{{address}}", "prompt": "{{Prompt}}", "max_tokens": 160, "temperature": 0, "stream": true}""";

    private static async Task<string> CreateAsync(QuickstartClient client, string account, CancellationToken cancellation)
    {
        var created = await client.CreateDeploymentAsync(account, DeploymentId, Model, cancellation);
        var name = $"{account}/deployments/{DeploymentId}";
        if (created.Problem is { } problem && problem.Code is not Code.Aborted and not Code.AlreadyExists) // with --data it may be there from last time
        {
            throw new QuickstartException(problem.Message);
        }

        return await ReadyAsync(client, name, cancellation);
    }

    /// <summary>The platform then makes a deployment, which all accounts share.</summary>
    private static async Task<string> MarkAsync(QuickstartClient client, CancellationToken cancellation)
    {
        if ((await client.MarkServerlessAsync(Model, cancellation)).Problem is { } problem) throw new QuickstartException(problem.Message);
        return await ReadyAsync(client, SharedDeployment, cancellation);
    }

    private static async Task<string> ReadyAsync(QuickstartClient client, string name, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(ReadyTimeout);
        using var timer = new PeriodicTimer(StateInterval);
        DeploymentResource? seen = null;
        try
        {
            do
            {
                var answer = await client.GetDeploymentAsync(name, deadline.Token);
                if (answer.Problem is { Code: Code.NotFound } && name == SharedDeployment) continue; // not made yet
                if (answer.Problem is { } failure) throw new QuickstartException(failure.Message);
                seen = answer.Value;
                if (seen.State == "FAILED") throw new QuickstartException($"{name} failed: {seen.Status?.Message}");
            }
            while (!(seen is { State: "READY", ReplicaStats.ReadyReplicaCount: > 0 }) && await timer.WaitForNextTickAsync(deadline.Token));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new QuickstartException($"{name} was not READY after {ReadyTimeout.TotalSeconds:0} s, but {seen?.State}: {seen?.Status?.Message}");
        }

        return name;
    }

    private static double SinceProcessStart() =>
        (TimeProvider.System.GetLocalNow().LocalDateTime - Process.GetCurrentProcess().StartTime).TotalSeconds;
}
