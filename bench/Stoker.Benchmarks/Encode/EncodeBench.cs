using System.Diagnostics;
using System.Globalization;
using System.Text;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Tokenization.Tables;

namespace Stoker.Benchmarks.Encode;

/// <summary>
/// Encoding on one thread: MB of UTF-8 a second, median of five runs after one to warm up; beside it MB by second of
/// processor time,
/// which says what the code costs even when other programs take the cores.
/// </summary>
internal static class EncodeBench
{
    private const int Runs = 5;
    private const int Characters = 4_000_000;

    public static void Run(string[] args)
    {
        _ = new Arguments(args, []); // none are known
        var words = SyntheticText.Words(60_000);
        var file = SyntheticVocabulary.Build(words);
        (string Name, Tokenizer Tokenizer)[] tokenizers =
        [
            ("story-3m (2k)", Load("story-3m", () => Tokenizer.Load(Path.Combine(AppContext.BaseDirectory, "models", "story-3m")))),
            ("synthetic (128k)", Load($"synthetic 128k, {file.Length / 1e6:F1} MB", () => Tokenizer.Parse(file))),
        ];
        var section = Section(tokenizers[1].Tokenizer);
        Load($"tables of synthetic 128k, {section.Length / 1e6:F1} MB", () => Tokenizer.FromTables(section));
        (string Name, string Text)[] texts =
        [
            ("English", SyntheticText.English(words, Characters)),
            ("code", SyntheticText.SourceCode(words, Characters)),
            ("mixed Unicode", SyntheticText.MixedUnicode(words, Characters)),
            ("one word of 4 MB", SyntheticText.OneWord(words, Characters)),
        ];
        Console.WriteLine($"\n{"text",-18} {"vocabulary",-18} {"MB/s",8} {"MB/cpu-s",9} {"bytes/token",12} {"min..max",16}");
        foreach (var (textName, text) in texts)
        {
            foreach (var (name, tokenizer) in tokenizers) Measure(textName, text, name, tokenizer);
        }
    }

    private static void Measure(string textName, string text, string vocabulary, Tokenizer tokenizer)
    {
        var megabytes = Encoding.UTF8.GetByteCount(text) / 1e6;
        var ids = new List<int>();
        var (rates, perCpuSecond) = (new List<double>(), new List<double>());
        for (var run = 0; run <= Runs; run++)
        {
            ids.Clear();
            var (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            tokenizer.Encode(text, ids, addSpecialTokens: false);
            if (run == 0) continue;
            rates.Add(megabytes / Stopwatch.GetElapsedTime(start).TotalSeconds);
            perCpuSecond.Add(megabytes / (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
        }

        rates.Sort();
        perCpuSecond.Sort();
        var range = string.Create(CultureInfo.InvariantCulture, $"{rates[0]:F1}..{rates[^1]:F1}");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{textName,-18} {vocabulary,-18} {rates[Runs / 2],8:F1} {perCpuSecond[Runs / 2],9:F1} {megabytes * 1e6 / ids.Count,12:F2} {range,16}"));
    }

    /// <summary>What a packed model file holds of a tokenizer, in memory.</summary>
    private static FixedMemory Section(Tokenizer tokenizer)
    {
        using var target = new MemoryStream();
        TokenizerTables.Write(tokenizer, target);
        var section = FixedMemory.Allocate((int)target.Length);
        target.GetBuffer().AsSpan(0, section.Length).CopyTo(section.GetSpan());
        return section;
    }

    private static Tokenizer Load(string name, Func<Tokenizer> open)
    {
        var times = new List<double>();
        Tokenizer tokenizer = null!;
        for (var run = 0; run < Runs; run++)
        {
            var start = Stopwatch.GetTimestamp();
            tokenizer = open();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"open {name}: first {times[0]:F1} ms, median {times.Order().ElementAt(Runs / 2):F1} ms"));
        return tokenizer;
    }
}
