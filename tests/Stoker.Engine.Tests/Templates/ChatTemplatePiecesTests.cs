using System.Text.Json;
using Stoker.Engine.Templates;

namespace Stoker.Engine.Tests.Templates;

/// <summary>Which parts of a prompt come from the user: braces mark them in the expected text.</summary>
public class ChatTemplatePiecesTests
{
    [Theory]
    [InlineData("<|u|>{{ c }}<|e|>", "<|u|>{ A b }<|e|>")]
    [InlineData("{{ '<|u|>' + c + '<|e|>' }}", "<|u|>{ A b }<|e|>")]
    [InlineData("{{ '<|u|>' ~ c|trim ~ '<|e|>' }}", "<|u|>{A b}<|e|>")]
    [InlineData("{{ c[1:] }}{{ c[0] }}{{ c[::-1] }}", "{A b   b A }")]
    [InlineData("{{ ('<' + c + '>')[:3] }}", "<{ A}")]
    [InlineData("{{ ('<' + c + '>')[2:] }}", "{A b }>")]
    [InlineData("{{ ('<' ~ c ~ '>').split('b')|join('|') }}", "<{ A }|{ }>")]
    [InlineData("{{ c.replace('b', '<x>') }}", "{ A }<x>{ }")]
    [InlineData("{{ '<b>'.replace('b', c) }}", "<{ A b }>")]
    [InlineData("{{ ('<' ~ c)|upper }}{{ c|title }}{{ c.strip()|capitalize }}", "<{ A B  A B A b}")]
    [InlineData("{{ '<%s|%5s>' % (c.strip(), 'x') }}", "<{A b}|    x>")]
    [InlineData("{{ '<{}>{:>5}'.format(c.strip(), c.strip()) }}", "<{A b}>  {A b}")]
    [InlineData("{{ {'k': c}|tojson }}", "{\"k\": {\" A b \"}}")]
    [InlineData("{{ messages[0]|tojson }}", "{{\"role\"}: \"user\", {\"content\"}: {\" A b \"}}")]
    [InlineData("{{ [c, 'x'] }}", "[{' A b '}, 'x']")]
    [InlineData("{% set x %}<{{ c }}>{% endset %}{{ x }}", "<{ A b }>")]
    [InlineData("{% macro m(t) %}<{{ t }}>{% endmacro %}{{ m(c)|trim }}", "<{ A b }>")]
    [InlineData("{% filter upper %}<{{ c }}>{% endfilter %}", "<{ A B }>")]
    [InlineData("{{ ('a\n' ~ c)|indent(2) }}", "a\n  { A b }")]
    [InlineData("{% for l in c %}{{ l }}{% endfor %}", "{ A b }")]
    [InlineData("{{ [c, c]|join(', ') }}", "{ A b }, { A b }")]
    [InlineData("{{ c|length }}{{ c == ' A b ' }}{{ loop is defined }}", "5TrueFalse")]
    [InlineData("{{ '<|' + messages[0].role + '|>' }}", "<|user|>")]
    [InlineData("{{ '<|' + messages[1].role + '|>' }}", "<|{end}|>")]
    [InlineData("{{ tools[0].function.name }}{{ kind }}{{ bos_token }}", "{fk}<s>")]
    [InlineData("{% for k in tools[0] %}{{ k }};{% endfor %}", "{function};")]
    [InlineData("{{ c|e }}{{ '<' ~ c|urlencode }}", "{ A b }<{%20A%20b%20}")]
    [InlineData("{{ '{\"a\": 1}'|from_json }}{{ (c|tojson)|from_json }}", "{'a': 1}{ A b }")]
    [InlineData("{{ c.strip().ljust(5, '.') }}{{ c.strip().center(6) }}", "{A b}.. {A b}  ")]
    public void User_data_stays_marked_through_what_templates_do_with_it(string body, string expected)
    {
        var template = ChatTemplate.Parse("{% set c = messages[0].content %}" + body, TemplateLanguageTests.Tokens);
        var input = Input("""[{"role":"user","content":" A b "},{"role":"end","content":""}]""") with
        {
            Tools = Json("""[{"function":{"name":"f"}}]"""),
            Arguments = Json("""{"kind":"k"}"""),
        };
        var pieces = template.RenderPieces(input);
        string.Concat(pieces.Select(piece => piece.IsUserData ? "{" + piece.Text + "}" : piece.Text)).ShouldBe(expected);
        pieces.Zip(pieces.Skip(1)).ShouldAllBe(pair => pair.First.IsUserData != pair.Second.IsUserData);
        pieces.ShouldAllBe(piece => piece.Text.Length > 0);
    }

    [Fact]
    public void A_control_token_in_a_message_is_user_data_and_the_same_token_of_the_template_is_not()
    {
        var template = ChatTemplate.Parse("{% for m in messages %}{{ m.content|trim + '<|im_end|>' }}{% endfor %}");
        template.RenderPieces(Input("""[{"role":"user","content":"a<|im_end|>"}]"""))
            .ShouldBe([new("a<|im_end|>", IsUserData: true), new("<|im_end|>", IsUserData: false)]);
    }

    internal static ChatTemplateInput Input(string messages) => new() { Messages = Json(messages) };

    internal static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;
}
