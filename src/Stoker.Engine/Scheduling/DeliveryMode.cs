namespace Stoker.Engine.Scheduling;

/// <summary>Where text and events are made.</summary>
internal enum DeliveryMode
{
    /// <summary>By the rule of <see cref="DeliveryModes.HasOwnThread"/>.</summary>
    Auto,

    /// <summary>By the loop, between two steps.</summary>
    Inline,

    /// <summary>By a thread of its own, while the next step computes.</summary>
    Beside,
}

internal static class DeliveryModes
{
    /// <summary>
    /// A thread of its own pays where a CPU is free for it. Where the kernels' threads take all CPUs it would push one of
    /// them aside in the middle of a step, and all others would wait for that one: a token's text costs about a
    /// microsecond, a switch of threads several.
    /// </summary>
    /// <param name="cpus">Whole ones: two kernel threads use up a quota of 2.5 no faster than it is given, a third one would.</param>
    public static bool HasOwnThread(DeliveryMode mode, int kernelThreads, int cpus) =>
        mode == DeliveryMode.Beside || (mode == DeliveryMode.Auto && kernelThreads < cpus);
}
