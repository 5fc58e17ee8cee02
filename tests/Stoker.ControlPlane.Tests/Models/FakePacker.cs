using System.Collections.Concurrent;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Models;

/// <summary>Writes a packed file of a few bytes when it is let; tests hold it back to look at the time in between.</summary>
internal sealed class FakePacker : IModelPacker
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _started = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _ended = new();
    private TaskCompletionSource _gate = new();

    public FakePacker() => _gate.SetResult();

    public ConcurrentQueue<string> Packed { get; } = new();

    /// <summary>What packing ends with; null: it works.</summary>
    public string? Failure { get; set; }

    /// <summary>What no packer should throw.</summary>
    public Exception? Fault { get; set; }

    /// <summary>Packing waits from now on, until it is cancelled or let go.</summary>
    public void Hold() => _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void LetGo() => _gate.TrySetResult();

    public Task Started(string folder) => Of(_started, folder).Task;

    public Task Ended(string folder) => Of(_ended, folder).Task;

    public bool IsPacked(string folder) => File.Exists(Path.Combine(folder, "stoker-bf16.packed"));

    public async Task<Result<long>> PackAsync(string folder, CancellationToken cancellation)
    {
        Of(_started, folder).TrySetResult();
        try
        {
            await _gate.Task.WaitAsync(cancellation);
            if (Fault is { } fault) throw fault;
            if (Failure is { } failure) return Problem.FailedPrecondition(failure);
            await File.WriteAllBytesAsync(Path.Combine(folder, "stoker-bf16.packed"), new byte[10], cancellation);
            Packed.Enqueue(folder);
            return 10;
        }
        finally
        {
            Of(_ended, folder).TrySetResult();
        }
    }

    /// <summary>What preparing says of its progress, in percent.</summary>
    public int[] Told { get; set; } = [3, 5, 7, 50, 52, 100];

    public ConcurrentQueue<(string Folder, Precision Precision)> Prepared { get; } = new();

    public async Task<Result<long>> PrepareAsync(string folder, Precision precision, Func<int, Task> told, CancellationToken cancellation)
    {
        Of(_started, folder).TrySetResult();
        try
        {
            foreach (var percent in Told) await told(percent);
            await _gate.Task.WaitAsync(cancellation);
            if (Fault is { } fault) throw fault;
            if (Failure is { } failure) return Problem.FailedPrecondition(failure);
            Prepared.Enqueue((folder, precision));
            return 10;
        }
        finally
        {
            Of(_ended, folder).TrySetResult();
        }
    }

    public ConcurrentQueue<(string Target, Precision Precision)> Variants { get; } = new();

    /// <summary>What writing a variant ends with; null: it works.</summary>
    public string? VariantFailure { get; set; }

    /// <summary>Says what a real one says, whose packed half was there.</summary>
    public async Task<Result<long>> WriteVariantAsync(string folder, Precision precision, string target, Func<int, Task> told, CancellationToken cancellation)
    {
        foreach (var percent in (int[])[60, 100]) await told(percent);
        await _gate.Task.WaitAsync(cancellation);
        if (VariantFailure is { } failure) return Problem.FailedPrecondition(failure);
        Directory.CreateDirectory(target);
        await File.WriteAllTextAsync(Path.Combine(target, "config.json"), precision.ToString(), cancellation);
        await File.WriteAllTextAsync(Path.Combine(target, "model.safetensors"), "weights", cancellation);
        Variants.Enqueue((target, precision));
        return 10;
    }

    private static TaskCompletionSource Of(ConcurrentDictionary<string, TaskCompletionSource> all, string folder) =>
        all.GetOrAdd(folder, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
