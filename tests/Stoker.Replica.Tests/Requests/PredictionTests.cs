using System.Text;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Tests.Requests;

/// <summary>What a caller expects the answer to be, in each of its forms.</summary>
public sealed class PredictionTests
{
    [Theory]
    [InlineData("""prediction":"abc""", "abc")]
    [InlineData("""speculation":"abc""", "abc")]
    public void A_text(string field, string text) => Parse($"\"{field}\"").Prediction.ShouldBe(new Prompt(text, null));

    [Theory]
    [InlineData("""{"type":"content","content":"abc"}""")]
    [InlineData("""{"content":"abc","type":"content"}""")]
    [InlineData("""{"type":"content","content":[{"type":"text","text":"a"},{"type":"text","text":"bc"}]}""")]
    public void An_object_whose_parts_are_one_text(string value) => Parse($"\"prediction\":{value}").Prediction!.Value.Text.ShouldBe("abc");

    [Fact]
    public void Token_ids() => Parse("\"speculation\":[1,2,3]").Prediction!.Value.Tokens.ShouldBe([1, 2, 3]);

    [Theory]
    [InlineData("\"prediction\":null")]
    [InlineData("\"prediction\":\"\"")]
    [InlineData("\"speculation\":[]")]
    [InlineData("\"speculation\":null,\"prediction\":null,\"disable_speculation\":null")]
    public void Nothing_expected_is_no_prediction(string fields) => Parse(fields).Prediction.ShouldBeNull();

    [Theory]
    [InlineData("\"prediction\":5", "prediction")]
    [InlineData("\"prediction\":[1]", "prediction")]
    [InlineData("\"prediction\":{}", "prediction.type")]
    [InlineData("\"prediction\":{\"type\":\"text\",\"content\":\"a\"}", "prediction.type")]
    [InlineData("\"prediction\":{\"type\":\"content\"}", "prediction.content")]
    [InlineData("\"prediction\":{\"type\":\"content\",\"content\":5}", "prediction.content")]
    [InlineData("\"prediction\":{\"type\":\"content\",\"content\":\"a\",\"more\":1}", "prediction.more")]
    [InlineData("\"prediction\":{\"type\":\"content\",\"type\":\"content\",\"content\":\"a\"}", "prediction.type")]
    [InlineData("\"prediction\":{\"type\":\"content\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"x\"}]}", "prediction.content[0].image_url")]
    [InlineData("\"speculation\":{}", "speculation")]
    [InlineData("\"speculation\":[\"a\"]", "speculation[0]")]
    [InlineData("\"speculation\":[1,-1]", "speculation[1]")]
    [InlineData("\"prediction\":\"a\",\"speculation\":\"a\"", "speculation")]
    [InlineData("\"disable_speculation\":\"yes\"", "disable_speculation")]
    public void Anything_else_is_refused_by_its_place(string fields, string parameter) =>
        Should.Throw<ApiException>(() => Parse(fields)).Error.Parameter.ShouldBe(parameter);

    [Theory]
    [InlineData("prediction", "[\"a\",\"b\",\"c\"]", "and there are 3; send a request for each prompt")]
    [InlineData("speculation", "[[1],[2]]", "and there are 2; send a request for each prompt")]
    public void Several_prompts_have_no_one_answer_to_predict(string field, string prompts, string cause)
    {
        var error = Should.Throw<ApiException>(() => Parse($"\"{field}\":\"x\"", prompts)).Error;
        error.Parameter.ShouldBe(field);
        error.Message.ShouldContain(cause);
        Parse($"\"{field}\":\"\"", prompts).Prediction.ShouldBeNull(); // nothing expected goes with any
        Parse($"\"{field}\":\"x\",\"n\":3", "[\"a\"]").Prediction.ShouldNotBeNull();
    }

    [Fact]
    public void Speculation_can_be_left_out_for_a_request()
    {
        Parse("\"disable_speculation\":true").ToGeneration([1], "id").DisableSpeculation.ShouldBeTrue();
        Parse("\"user\":\"u\"").ToGeneration([1], "id").DisableSpeculation.ShouldBeFalse();
    }

    private static InferenceRequest Parse(string fields, string prompt = "\"x\"") =>
        RequestParser.Parse(Encoding.UTF8.GetBytes($$"""{"model":"m","prompt":{{prompt}},{{fields}}}"""), RequestKind.Text);
}
