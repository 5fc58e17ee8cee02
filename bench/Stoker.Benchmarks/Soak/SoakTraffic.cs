using System.Collections.Concurrent;
using Stoker.Engine;

namespace Stoker.Benchmarks.Soak;

/// <summary>Clients that send random requests one after the other and end them in every way there is.</summary>
internal sealed class SoakTraffic(InferenceEngine engine, int seed, int context)
{
    /// <summary>Beginnings that requests share, so that blocks are shared and found again.</summary>
    private readonly int[][] _prefixes = [.. Enumerable.Range(0, 8).Select(index => Tokens(new Random(seed + 1000 + index), 40 + (20 * index), engine.Tokenizer.VocabularySize))];

    private readonly ConcurrentBag<string> _errors = [];
    private long _requests;

    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Requests that ended in an error, or that were refused for anything but a full queue.</summary>
    public int Errors => _errors.Count;

    /// <summary>Runs until cancelled, and then to the end of its request.</summary>
    public async Task ClientAsync(int client, CancellationToken end)
    {
        await Task.Yield(); // the caller starts them all
        var random = new Random((seed * 7919) + client);
        while (!end.IsCancellationRequested)
        {
            try
            {
                await OneAsync(random);
            }
            catch (RequestRefusedException full) when (full.Kind == RefusalKind.QueueFull)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, CancellationToken.None);
            }
            catch (RequestRefusedException wrong)
            {
                _errors.Add(wrong.Message);
                Console.WriteLine(wrong.Message);
            }
            Interlocked.Increment(ref _requests);
        }
    }

    private async Task OneAsync(Random random)
    {
        int[] prompt = [.. random.Next(2) == 0 ? _prefixes[random.Next(_prefixes.Length)] : [], .. Tokens(random, random.Next(1, 160), engine.Tokenizer.VocabularySize)];
        await using var generation = engine.Submit(new()
        {
            PromptTokens = prompt,
            MaxTokens = random.Next(1, Math.Min(160, context - prompt.Length)),
            Choices = random.Next(8) == 0 ? random.Next(2, 4) : 1,
            IgnoreEos = random.Next(2) == 0,
            Logprobs = random.Next(8) == 0 ? 3 : null,
            Echo = random.Next(16) == 0,
            Sampling = new() { Temperature = random.Next(3) == 0 ? 0 : 0.9, TopP = random.Next(2) == 0 ? 0.9 : 1, Seed = random.Next() },
        });
        switch (random.Next(10))
        {
            case 0: // gone at once, in the queue or in its first step
                return;
            case 1: // never read: the engine gives up on it when too much is unread, or it ends before
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 50)), TimeProvider.System, CancellationToken.None);
                return;
            case 2 or 3: // leaves in the middle
                await ReadAsync(generation, random.Next(1, 60));
                return;
            default:
                await ReadAsync(generation, int.MaxValue);
                return;
        }
    }

    private async Task ReadAsync(Generation generation, int events)
    {
        await foreach (var item in generation)
        {
            if (item.Finish == FinishReason.Error)
            {
                _errors.Add(item.Error!.Message);
                Console.WriteLine(item.Error.Message);
            }
            if (--events == 0) return;
        }
    }

    private static int[] Tokens(Random random, int count, int vocabulary)
    {
        var tokens = new int[count];
        for (var index = 0; index < count; index++) tokens[index] = random.Next(vocabulary);
        return tokens;
    }
}
