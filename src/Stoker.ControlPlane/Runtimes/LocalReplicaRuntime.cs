using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>
/// Replicas as processes of this machine: <c>stoker replica</c>, one directory and one unix socket each.
/// </summary>
public sealed partial class LocalReplicaRuntime(
    IOptions<LocalRuntimeOptions> options, DataDirectory data, TimeProvider time, ILogger<LocalReplicaRuntime> logger)
    : IReplicaRuntime, IDisposable
{
    /// <summary>What a replica's process is recognised by, with its directory.</summary>
    internal const string DirectoryOption = "--directory";

    private readonly LocalRuntimeOptions _options = options.Value;
    private readonly SocketDirectory _sockets = new(data.Root);
    private readonly ConcurrentDictionary<ReplicaId, LocalReplica> _replicas = new();
    private readonly CancellationTokenSource _letGo = new();

    // A change may be told twice but is never lost; bounded by the number of deployments times their changes between
    // two reads.
    private readonly Channel<string> _changes = Channel.CreateUnbounded<string>();

    public Task AdoptAsync(CancellationToken cancellation)
    {
        DataDirectory.CreateDirectory(data.Replicas);
        var folders = Directory.EnumerateDirectories(data.Replicas).Select(path => new ReplicaFolder(path)).ToList();
        var running = ProcessIdentity.FindByOption(DirectoryOption, folders.Select(folder => folder.Path).ToHashSet());
        foreach (var folder in folders)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!folder.TryReadSpec(out var spec))
            {
                // The spec is written before the start: without one there was none.
                if (!running.ContainsKey(folder.Path)) folder.Delete();
                continue;
            }

            if (_replicas.ContainsKey(spec.Id)) continue; // this process lost the lease and has it again
            if (running.TryGetValue(folder.Path, out var process))
            {
                Watch(LocalReplica.OfStranger(spec, folder, _sockets.PathOf(spec.Id), process, _options, time, () => Tell(spec)));
                LogAdopted(spec.Id, spec.Deployment, process.Pid);
            }
            else
            {
                var end = folder.ReadEnd(spec.Id, stopAsked: false, seen: null);
                _replicas[spec.Id] = LocalReplica.OfEnded(spec, folder, _sockets.PathOf(spec.Id), end, _options, time);
            }

            Tell(spec);
        }

        return Task.CompletedTask;
    }

    public IReadOnlyList<ObservedReplica> List() => [.. _replicas.Values.Select(replica => replica.Observed)];

    public Task StartAsync(ReplicaSpec spec, CancellationToken cancellation)
    {
        if (_replicas.ContainsKey(spec.Id)) return Task.CompletedTask;
        var folder = new ReplicaFolder(Path.Combine(data.Replicas, spec.Id.ToString()));
        var socket = _sockets.PathOf(spec.Id);
        try
        {
            folder.Write(spec); // before the start: from here on, somebody knows of it
            Watch(LocalReplica.OfChild(spec, folder, socket, Start(spec, folder, socket), _options, time, () => Tell(spec)));
            LogStarted(spec.Id, spec.Deployment, spec.Revision, spec.Slots.Count, spec.AcceleratorType, spec.EmulatedBy is { } by ? $" (emulated by {by})" : "", spec.Region);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or Win32Exception)
        {
            var end = new ReplicaEnd(Orderly: false, $"the replica's process could not be started: {error.Message}");
            _replicas[spec.Id] = LocalReplica.OfEnded(spec, folder, socket, end, _options, time);
            Tell(spec);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(ReplicaId id, CancellationToken cancellation)
    {
        if (_replicas.TryGetValue(id, out var replica)) replica.Stop();
        return Task.CompletedTask;
    }

    public Task ForgetAsync(ReplicaId id, CancellationToken cancellation)
    {
        if (_replicas.TryGetValue(id, out var replica) && replica.Observed.Phase == ReplicaPhase.Ended && _replicas.TryRemove(id, out _))
        {
            replica.Dispose();
            PruneEnded();
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>?> ListAddonsAsync(ReplicaId id, CancellationToken cancellation) =>
        _replicas.TryGetValue(id, out var replica) ? replica.Connection.AddonsAsync(cancellation) : Task.FromResult<IReadOnlyList<string>?>(null);

    public Task<string?> LoadAddonAsync(ReplicaId id, string name, string folder, CancellationToken cancellation) =>
        _replicas.TryGetValue(id, out var replica) ? replica.Connection.LoadAddonAsync(name, folder, cancellation) : Task.FromResult<string?>("the replica is gone");

    public Task<bool> UnloadAddonAsync(ReplicaId id, string name, CancellationToken cancellation) =>
        _replicas.TryGetValue(id, out var replica) ? replica.Connection.UnloadAddonAsync(name, cancellation) : Task.FromResult(true);

    public async IAsyncEnumerable<string> ChangesAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var deployment in _changes.Reader.ReadAllAsync(cancellation)) yield return deployment;
    }

    public async Task ReleaseAsync(bool leaveReplicas, CancellationToken cancellation)
    {
        if (!leaveReplicas)
        {
            foreach (var replica in _replicas.Values) replica.Stop(_options.ShutdownBound);
            await Task.WhenAll(_replicas.Values.Select(replica => replica.Watching)).WaitAsync(cancellation);
        }

        await _letGo.CancelAsync();
        await Task.WhenAll(_replicas.Values.Select(replica => replica.Watching));
    }

    public void Dispose()
    {
        _letGo.Cancel();
        foreach (var replica in _replicas.Values) replica.Dispose();
        _letGo.Dispose();
    }

    private void Watch(LocalReplica replica)
    {
        _replicas[replica.Observed.Id] = replica;
        replica.Watch(_letGo.Token);
    }

    private void Tell(ReplicaSpec spec) => _changes.Writer.TryWrite(spec.Deployment);

    /// <summary>
    /// Through a shell that becomes the replica: .NET itself can only inherit our streams or make pipes, and a pipe
    /// dies with us.
    /// </summary>
    private Process Start(ReplicaSpec spec, ReplicaFolder folder, string socket)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false, WorkingDirectory = folder.Path };
        foreach (var argument in (string[])["-c", "exec \"$@\" </dev/null >/dev/null 2>&1", "stoker-replica", .. Command(), .. Arguments(spec, folder, socket)])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Remove("FIREWORKS_API_KEY"); // a replica serves without any key, so it gets none
        // No debugger's pipe and no dump of a memory full of prompts, unless the operator asked for it.
        start.Environment.TryAdd("DOTNET_EnableDiagnostics", "0");
        return Process.Start(start) ?? throw new IOException("the system gave no process");
    }

    private IEnumerable<string> Command()
    {
        if (_options.Command.Count > 0) return _options.Command;
        var self = Environment.ProcessPath ?? throw new IOException("this program's path is unknown");
        var isHost = Path.GetFileNameWithoutExtension(self) == "dotnet";
        return isHost ? [self, Path.GetFullPath(Environment.GetCommandLineArgs()[0])] : [self];
    }

    private List<string> Arguments(ReplicaSpec spec, ReplicaFolder folder, string socket)
    {
        var engine = spec.EmulatedBy ?? _options.Engine;
        // An emulated accelerator is no core: more threads than cores would only stand in each other's way.
        var threads = spec.EmulatedBy is null ? spec.Slots.Count : Math.Min(spec.Slots.Count, Environment.ProcessorCount);
        List<string> arguments =
        [
            "replica", "--id", spec.Id.ToString(), DirectoryOption, folder.Path,
            "--served-model-name", spec.ServedModelName, "--listen", $"unix:{socket}", "--engine", engine,
            "--threads", Text(threads), "--context-length", Text(spec.ContextLength), "--memory-bytes", Text(spec.MemoryBytes),
            "--lease-seconds", Text((long)_options.LeaseLength.TotalSeconds), "--log-level", _options.LogLevel, "--detach",
        ];
        if (spec.ModelFolder.Length > 0) arguments.AddRange("--model", spec.ModelFolder);
        if (spec.MergeAddonFolder is { } addon) arguments.AddRange("--merge-addon", addon);
        if (spec.Precision is { } precision) arguments.AddRange("--precision", precision);
        if (spec.KvPrecision is { } cache) arguments.AddRange("--kv-precision", cache);
        if (spec.DraftFolder is { } draft) arguments.AddRange("--draft-model", draft);
        if (spec.NgramLength > 0) arguments.AddRange("--ngram-speculation-length", Text(spec.NgramLength));
        if (spec.DraftTokens > 0) arguments.AddRange("--draft-token-count", Text(spec.DraftTokens));
        if (spec.LongPrompt) arguments.Add("--long-prompt");
        if (spec.Simulate is { } figures) arguments.AddRange("--simulate", figures);
        if (spec.EnableAddons) arguments.Add("--enable-addons");
        if (spec.MaxLoadedAddons > 0) arguments.AddRange("--max-addons", Text(spec.MaxLoadedAddons));
        if (spec.Cores.Count > 0) arguments.AddRange("--cores", string.Join(',', spec.Cores));

        // Replicas that share cores must be moved out of each other's way; the simulated engine has no threads to bind.
        var shares = spec.Cores.Count == 0 && engine == "stoker";
        if (shares) arguments.AddRange("--pin-threads", "off");
        return arguments;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Keeps the directories of the last few ended replicas.</summary>
    private void PruneEnded()
    {
        var ended = Directory.EnumerateDirectories(data.Replicas)
            .Where(path => !ReplicaId.TryParse(Path.GetFileName(path), null, out var id) || !_replicas.ContainsKey(id))
            .OrderByDescending(Directory.GetLastWriteTimeUtc)
            .Skip(_options.KeptEnded);
        foreach (var path in ended)
        {
            try
            {
                new ReplicaFolder(path).Delete();
            }
            catch (IOException error)
            {
                LogNotPruned(path, error);
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "Started replica {Id} of {Deployment}, revision {Revision}, on {Count} {Type}{Emulated} in {Region}")]
    private partial void LogStarted(ReplicaId id, string deployment, long revision, int count, string type, string emulated, string region);

    [LoggerMessage(LogLevel.Information, "Adopted replica {Id} of {Deployment}, process {Pid}")]
    private partial void LogAdopted(ReplicaId id, string deployment, int pid);

    [LoggerMessage(LogLevel.Warning, "The directory {Path} of an ended replica could not be removed; the next end tries again")]
    private partial void LogNotPruned(string path, Exception error);
}
