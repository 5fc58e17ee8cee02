using Stoker.Replica.Simulated;

namespace Stoker.Replica.Tests.Simulated;

public sealed class PredictedAnswerTests
{
    private static readonly int[] Answer = [.. Enumerable.Range(0, 60).Select(position => SimulatedText.WordAt(7, 0, position))];

    [Fact]
    public void A_right_prediction_makes_steps_of_seventeen_tokens()
    {
        var predicted = new PredictedAnswer(Answer, 7, 0, begun: 0, isUsed: true);
        Starts(predicted, 60).ShouldBe([0, 1, 18, 35, 52]);
        var figures = predicted.Figures(60);
        (figures.Verifications, figures.Accepted, figures.PredictionTokens, figures.PredictionMatched).ShouldBe((4, 16 + 16 + 16 + 8, 60, 60));
        figures.Drafted.ShouldBe(figures.Accepted);
        predicted.Figures(1).Verifications.ShouldBe(0);
    }

    [Fact]
    public void Behind_its_first_wrong_token_it_is_left_alone()
    {
        int[] half = [.. Answer];
        half[20] = SimulatedText.EndToken;
        var predicted = new PredictedAnswer(half, 7, 0, begun: 0, isUsed: true);
        Starts(predicted, 26).ShouldBe([0, 1, 18, 21, 22, 23, 24, 25]); // the one at 20 came instead of the wrong one
        var figures = predicted.Figures(60);
        (figures.Verifications, figures.Drafted, figures.Accepted, figures.PredictionMatched).ShouldBe((2, 32, 18, 20));
        (figures.AcceptedByPosition[1], figures.AcceptedByPosition[2], figures.DraftedByPosition[15]).ShouldBe((2, 1, 2));
    }

    [Fact]
    public void An_answer_that_goes_on_here_follows_on_from_there()
    {
        var predicted = new PredictedAnswer(Answer[..30], 7, 0, begun: 10, isUsed: true);
        Starts(predicted, 30).ShouldBe([0, 1, 18, .. Enumerable.Range(21, 9)]);
        predicted.Figures(60).PredictionMatched.ShouldBe(30);
    }

    [Fact]
    public void Not_used_it_is_counted_and_saves_nothing()
    {
        var predicted = new PredictedAnswer(Answer, 7, 0, begun: 0, isUsed: false);
        Starts(predicted, 20).Count.ShouldBe(20);
        var figures = predicted.Figures(60);
        (figures.Drafted, figures.PredictionMatched).ShouldBe((0, 60));
        figures.DraftedByPosition.ShouldBeEmpty();
    }

    [Fact]
    public void An_answers_text_gives_its_words_back()
    {
        SimulatedText.EncodeAnswer(SimulatedText.Decode(Answer)).ShouldBe(Answer);
        SimulatedText.EncodeAnswer(" the thend").Length.ShouldBe(3); // the, then and a byte
    }

    /// <summary>Tokens that begin a step.</summary>
    private static List<int> Starts(PredictedAnswer predicted, int count) =>
        [.. Enumerable.Range(0, count).Where(index => !predicted.ComesWithPrevious(index))];
}
