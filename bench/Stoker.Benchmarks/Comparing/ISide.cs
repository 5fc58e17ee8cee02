namespace Stoker.Benchmarks.Comparing;

/// <summary>One of two engines that do the same work in turn: each step ends in the largest logits.</summary>
internal interface ISide : IDisposable
{
    /// <summary>Kernel set or build, and threads.</summary>
    string Description { get; }

    /// <summary>Tokens a second of one prompt in one step, logits of its last token included.</summary>
    double Prefill(int tokens);

    /// <summary>
    /// Tokens a second, summed over the sequences, each after a prompt of <see cref="Workload.DecodePrompt"/> tokens.
    /// </summary>
    double Decode(int sequences, int steps);

    /// <summary>Milliseconds until the first token of a prompt, nothing else running.</summary>
    double FirstToken(int promptTokens);

    /// <summary>Logits after the last token of the fixed text <see cref="Workload.Check"/>: whether both compute one model.</summary>
    float[] CheckLogits();

    /// <summary>Milliseconds from an empty process' call to load until the first token of an 8-token prompt.</summary>
    double LoadToFirstToken { get; }
}
