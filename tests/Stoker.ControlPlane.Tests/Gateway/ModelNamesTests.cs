using System.Text;
using Stoker.ControlPlane.Gateway;

namespace Stoker.ControlPlane.Tests.Gateway;

public class ModelNamesTests
{
    [Theory]
    [InlineData("""data: {"id":"x","model":"served","choices":[]}""", "\"served\"")]
    [InlineData("""data: {"model": "served"}""", "\"served\"")]
    [InlineData("""data: {"top_logprobs":{"model":-1.5},"model":"served"}""", "\"served\"")]
    [InlineData("""data: {"text":"\"model\":\"served\"","model":"served"}""", "\"served\"")]
    [InlineData("""data: {"model":"other"}""", null)]
    [InlineData("""data: {"text":"\"model\":\"served\""}""", null)]
    [InlineData("""data: {"model":""", null)]
    [InlineData("data: [DONE]", null)]
    [InlineData("", null)]
    public void Finds_the_served_name_where_it_is_the_value_of_model(string frame, string? expected)
    {
        var bytes = Encoding.UTF8.GetBytes(frame);

        var (start, end) = ModelNames.Find(bytes, "\"served\""u8);

        (start < 0 ? null : Encoding.UTF8.GetString(bytes[start..end])).ShouldBe(expected);
        if (start >= 0) Encoding.UTF8.GetString(bytes[..start]).TrimEnd().ShouldEndWith("\"model\":");
    }

    [Theory]
    [InlineData("a/b#c/d", "\"a/b#c/d\"")]
    [InlineData("quote\"and\\slash\n", "\"quote\\\"and\\\\slash\\n\"")]
    public void Quotes_any_name_as_json(string name, string expected) =>
        Encoding.UTF8.GetString(ModelNames.Quote(name)).ShouldBe(expected);
}
