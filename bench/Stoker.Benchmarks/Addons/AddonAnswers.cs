using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Stoker.Benchmarks.Addons;

/// <summary>Asks one question of many addons.</summary>
internal static class AddonAnswers
{
    private const int AtOnce = 8;

    /// <summary>Text and log-probabilities: addons that are alike answer alike, and not as surely.</summary>
    /// <exception cref="BenchFailedException">Refused.</exception>
    public static async Task<string> AskAsync(HttpClient client, string path, string model, int tokens = 32)
    {
        var body = new { model, prompt = "Once upon a time", max_tokens = tokens, temperature = 0, ignore_eos = true, logprobs = 1 };
        using var answer = await client.PostAsJsonAsync(new Uri(path, UriKind.Relative), body);
        var text = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode) throw new BenchFailedException($"{model}: {(int)answer.StatusCode} {text}");
        var choice = JsonNode.Parse(text)!["choices"]![0]!;
        return choice["text"]!.GetValue<string>() + choice["logprobs"]!["token_logprobs"]!.ToJsonString();
    }

    /// <summary>Several at once; in the order in which they were asked.</summary>
    public static async Task<string[]> AskAllAsync(IReadOnlyList<int> asked, Func<int, Task<string>> ask)
    {
        var answers = new string[asked.Count];
        await Parallel.ForAsync(0, asked.Count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (turn, _) => answers[turn] = await ask(asked[turn]));
        return answers;
    }

    /// <summary>Asks again and again until told to stop.</summary>
    /// <returns>How often it was answered, always with the same.</returns>
    /// <exception cref="BenchFailedException">An answer differed, or there was none.</exception>
    public static async Task<int> RepeatAsync(Func<Task<string>> ask, Task until)
    {
        var (first, count) = (await ask(), 1);
        for (; !until.IsCompleted; count++)
        {
            if (await ask() != first) throw new BenchFailedException("The base model's answer changed while addons came and went.");
        }

        return count;
    }
}
