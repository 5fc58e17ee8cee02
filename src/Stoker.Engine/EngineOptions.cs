using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;

namespace Stoker.Engine;

/// <summary>
/// How one engine is set up. Everything is fixed at <see cref="InferenceEngine.Open"/>; nothing grows afterwards.
/// </summary>
public sealed record EngineOptions
{
    /// <summary>
    /// Worker threads of the forward pass; 0 takes what the affinity mask and the cgroup allow, a quota rounded down to
    /// whole cores. At most 1024.
    /// </summary>
    public int Threads { get; init; }

    /// <summary>
    /// Binds each thread to a core. Off, because the library cannot know what else runs in the process: two engines
    /// would bind their loops to the same core. A replica is alone in its process and decides by itself.
    /// </summary>
    public ThreadPinning PinThreads { get; init; }

    /// <summary>Positions a sequence may have, prompt and answer together; null takes what the model states.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Bytes for weights, KV cache and step buffers together; null takes what <see cref="MaxSequences"/> full contexts need,
    /// but at most half of the memory that weights and step buffers leave of the machine (or cgroup); with <see cref="LongPrompt"/> twice that, and
    /// at most three quarters of that memory.</summary>
    public long? MemoryBudgetBytes { get; init; }

    /// <summary>
    /// Sequences that may run in one step, 1 to 4096. 32 keeps a CPU in the range where batching is nearly free.
    /// </summary>
    public int MaxSequences { get; init; } = 32;

    /// <summary>Rows (tokens computed) in one step, decodes and prefill chunks together; at least <see cref="MaxSequences"/>, at most 16,384.
    /// With 512 the matrix kernels reach their full rate; while streams run, <see cref="StepTime"/> keeps steps shorter.</summary>
    public int StepTokens { get; init; } = 512;

    /// <summary>
    /// What a step that continues running streams is to take at most; prompts that join it are cut to fit, to 16 rows at
    /// the least. A slow model, whose streams alone take more than half of it, gets twice the streams' time instead: its
    /// prompts would hardly get on. Zero: no limit but <see cref="StepTokens"/>; at most a minute. Ten tokens a second read as a steady
    /// stream, hence 100 ms: less would take much of the machine's rate from prompts, since every step reads all weights again.
    /// </summary>
    public TimeSpan StepTime { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Null: prompts are the usual mix of lengths.</summary>
    public LongPromptOptions? LongPrompt { get; init; }

    /// <summary>
    /// Keeps the keys and values of what was computed, in blocks that nobody holds, and begins later prompts with them.
    /// It takes no memory of its own worth mentioning and changes no answer.
    /// </summary>
    public bool PrefixCache { get; init; } = true;

    /// <summary>
    /// Requests that may wait for their first step; one more is refused with <see cref="RefusalKind.QueueFull"/>.
    /// </summary>
    public int MaxQueuedRequests { get; init; } = 256;

    /// <summary>Events that a request may leave unread, for each of its choices; a reader that falls further behind ends up
    /// cancelled. 4096 are seconds of the fastest stream, and some hundred kilobytes.</summary>
    public int MaxUnreadEvents { get; init; } = 4096;

    /// <summary>Steps without a new token or newly computed prompt position, while requests are there, after which the
    /// watchdog fails the oldest request. Recomputing 128k tokens after a preemption takes 256 steps of 512 without
    /// any, hence the size.</summary>
    public int WatchdogSteps { get; init; } = 2000;

    /// <summary>How keys and values are kept: half the bytes are twice the context in the same memory, and less to read for
    /// each token.</summary>
    public KvPrecision KvPrecision { get; init; }

    /// <summary>
    /// Forces one of <see cref="KernelSets"/>; null takes the fastest that runs here. One that needs what the CPU lacks
    /// is an error.
    /// </summary>
    public string? KernelSet { get; init; }

    /// <summary>The names of all kernel sets, the fastest first. Which of them run depends on the machine.</summary>
    public static IReadOnlyList<string> KernelSets { get; } = [.. Kernels.KernelSets.Names];

    /// <summary>Of the model's matrices in memory. Below 16 bit the output head is packed too.</summary>
    public Precision Precision { get; init; }

    /// <summary>Whether a packed model in the folder is mapped instead of packing the plain files in memory.</summary>
    public PackedUse Packed { get; init; }

    /// <summary>
    /// Keeps the weights in memory: idle pages may be dropped by the system otherwise. Where it refuses, the engine works
    /// without and <see cref="InferenceEngine.LoadNotes"/> says so.
    /// </summary>
    public bool LockMemory { get; init; }

    /// <summary>LoRA addons that requests may name; null: none, and no memory for them.</summary>
    public AddonOptions? Addons { get; init; }

    /// <summary>
    /// Folder of one LoRA addon that becomes part of the weights at load: base speed, and the one answer there is. The weights are
    /// packed in memory then, whatever <see cref="Packed"/> finds.
    /// </summary>
    public string? MergeAddon { get; init; }

    /// <summary>The deployment's sampling defaults: they win over the model's and lose to the request's.</summary>
    public SamplingOptions DefaultSampling { get; init; } = SamplingOptions.Unset;

    /// <summary>Null: no drafts are made.</summary>
    public SpeculationOptions? Speculation { get; init; }

    /// <summary>For measurements and tests.</summary>
    internal DeliveryMode Delivery { get; init; }

    /// <summary>The same: takes the place of the drafter that the options ask for.</summary>
    internal Func<IDrafter, IDrafter>? WrapDrafter { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
