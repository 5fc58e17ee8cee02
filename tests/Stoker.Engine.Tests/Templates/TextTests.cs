using Stoker.Engine.Templates;

namespace Stoker.Engine.Tests.Templates;

public class TextTests
{
    [Fact]
    public void A_slice_keeps_the_marks_of_exactly_its_characters()
    {
        UserSpan[] spans = [new(0, 2), new(4, 5), new(7, 10), new(11, 12)];
        var text = new Text("abcdefghijklm", spans);
        for (var start = 0; start <= text.Length; start++)
        {
            for (var length = 0; length <= text.Length - start; length++)
            {
                var slice = text.Slice(start, length);
                slice.Value.ShouldBe(text.Value.Substring(start, length));
                Marks(slice).ShouldBe(Marks(text)[start..(start + length)], $"{start}..+{length}");
                foreach (var span in slice.UserSpans) span.End.ShouldBeGreaterThan(span.Start);
            }
        }
    }

    private static bool[] Marks(Text text)
    {
        var marks = new bool[text.Length];
        foreach (var span in text.UserSpans) Array.Fill(marks, true, span.Start, span.End - span.Start);
        return marks;
    }
}
