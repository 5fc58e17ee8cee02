namespace Stoker.Benchmarks.Speculation.Equality;

/// <summary>The plain slow version of n-gram drafting along a known answer: how many drafts it makes, and how many are right.</summary>
internal static class NgramCount
{
    public static (long Drafted, long Accepted) Along(int[] prompt, int[] answer, int longest, int most)
    {
        var (drafted, accepted) = (0L, 0L);
        for (var done = 1; done < answer.Length;) // the prompt's step gives the first token
        {
            int[] text = [.. prompt, .. answer[..done]];
            var drafts = Drafts(text, longest, Math.Min(most, answer.Length - done - 1)); // the last token needs none
            var right = 0;
            while (right < drafts.Count && drafts[right] == answer[done + right]) right++;
            (drafted, accepted) = (drafted + drafts.Count, accepted + right);
            done += right + 1;
        }

        return (drafted, accepted);
    }

    /// <summary>What followed the longest suffix (two tokens at the least) where it stood last before.</summary>
    private static List<int> Drafts(int[] text, int longest, int most)
    {
        for (var length = Math.Min(longest, text.Length - 1); length >= 2; length--)
        {
            for (var at = text.Length - length - 1; at >= 0; at--)
            {
                if (!text.AsSpan(at, length).SequenceEqual(text.AsSpan(text.Length - length))) continue;
                List<int> all = [.. text];
                for (var next = at + length; all.Count < text.Length + most; next++) all.Add(all[next]);
                return all[text.Length..];
            }
        }

        return [];
    }
}
