using System.Diagnostics;

namespace Stoker.Benchmarks.Comparing;

/// <summary>Our engine's forward pass on a model folder.</summary>
internal sealed class StokerSide : ISide
{
    private readonly ForwardModel _model;
    private readonly Workload _work;
    private readonly int _chunk;

    /// <param name="chunk">Rows of a prefill step at most.</param>
    public StokerSide(string folder, string precision, int threads, string? kernelSet, int maxPrefill, int sequences, int chunk)
    {
        var start = Stopwatch.GetTimestamp();
        _chunk = chunk;
        _model = new(
            folder, precision, threads, kernelSet, Math.Max(chunk, sequences * Workload.DecodePrompt), sequences, Math.Max(maxPrefill, Workload.DecodeContext));
        _work = new(_model.VocabularySize);
        Prompt(1, Workload.FirstPrompt);
        LoadToFirstToken = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public string Description => _model.Description;

    public double LoadToFirstToken { get; }

    /// <summary>Packed weights; with a tied embedding all of them are read in every step.</summary>
    public long WeightBytes => _model.WeightBytes;

    public double Prefill(int tokens)
    {
        Prompt(1, Workload.DecodePrompt); // wakes the threads
        _model.Clear();
        int[][][] chunks = [.. _work.Tokens(tokens).Chunk(_chunk).Select(chunk => new[] { chunk })];
        var start = Stopwatch.GetTimestamp();
        foreach (var chunk in chunks) Workload.ArgMax(_model.Step(chunk));
        return tokens / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public double Decode(int sequences, int steps)
    {
        Prompt(sequences, Workload.DecodePrompt);
        var tokens = _work.Tokens(sequences);
        One(tokens);
        var start = Stopwatch.GetTimestamp();
        for (var step = 0; step < steps; step++) One(tokens);
        return sequences * steps / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public double FirstToken(int promptTokens)
    {
        _model.Clear();
        int[][] prompt = [_work.Tokens(promptTokens)];
        var start = Stopwatch.GetTimestamp();
        Workload.ArgMax(_model.Step(prompt));
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public float[] CheckLogits()
    {
        _model.Clear();
        return _model.Step([_work.Check]).ToArray();
    }

    public void Dispose() => _model.Dispose();

    private void Prompt(int sequences, int length)
    {
        _model.Clear();
        var prompts = new int[sequences][];
        for (var sequence = 0; sequence < sequences; sequence++) prompts[sequence] = _work.Tokens(length);
        Workload.ArgMax(_model.Step(prompts)[^_model.VocabularySize..]);
    }

    /// <summary>One token of every sequence, and the next ones.</summary>
    private void One(int[] tokens)
    {
        var logits = _model.Step(tokens);
        for (var sequence = 0; sequence < tokens.Length; sequence++)
        {
            tokens[sequence] = Workload.ArgMax(logits.Slice(sequence * _model.VocabularySize, _model.VocabularySize));
        }
    }
}
