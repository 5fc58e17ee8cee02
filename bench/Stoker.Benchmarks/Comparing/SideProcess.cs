using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Stoker.Benchmarks.Comparing;

/// <summary>The client of a <see cref="SideServer"/> in a child process: this program, started again.</summary>
internal sealed class SideProcess : IDisposable
{
    private readonly Process _process;

    public SideProcess(params string[] args)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add("side");
        foreach (var argument in args) start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
        Description = Answer();
        LoadToFirstToken = double.Parse(Answer(), CultureInfo.InvariantCulture);
    }

    public string Description { get; }

    public double LoadToFirstToken { get; }

    public double Prefill(int tokens) => Ask($"prefill {tokens}");

    public double Decode(int sequences, int steps) => Ask($"decode {sequences} {steps}");

    public double FirstToken(int promptTokens) => Ask($"first {promptTokens}");

    /// <summary>Of the packed weights, of our forward pass.</summary>
    public double WeightBytes() => Ask("bytes");

    public float[] CheckLogits()
    {
        _process.StandardInput.WriteLine("logits");
        return MemoryMarshal.Cast<byte, float>(Convert.FromBase64String(Answer())).ToArray();
    }

    public void Dispose()
    {
        _process.StandardInput.Close(); // the end of its input ends the process
        _process.WaitForExit();
        _process.Dispose();
    }

    private double Ask(string request)
    {
        _process.StandardInput.WriteLine(request);
        return double.Parse(Answer(), CultureInfo.InvariantCulture);
    }

    /// <exception cref="UsageException">The child ended; its own words are on standard error.</exception>
    private string Answer() => _process.StandardOutput.ReadLine()
        ?? throw new UsageException("A side of the comparison ended; its message stands above.");
}
