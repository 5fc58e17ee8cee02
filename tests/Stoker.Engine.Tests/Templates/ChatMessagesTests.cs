using Stoker.Engine.Templates;
using static Stoker.Engine.Tests.Templates.ChatTemplatePiecesTests;

namespace Stoker.Engine.Tests.Templates;

public class ChatMessagesTests
{
    private const string Parts =
        """[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]""";
    private const string Loop = "{% for m in messages %}[{{ m.content|trim }}]{% endfor %}";

    [Theory]
    [InlineData("""{\"a\": 1}""", "{'a': 1}")]
    [InlineData("not json", "not json")]
    [InlineData("""{\"a\": 1""", """{"a": 1""")]
    [InlineData("5", "5")]
    [InlineData("[1]", "[1]")]
    [InlineData("", "")]
    public void Arguments_of_calls_become_objects_and_stay_text_when_they_are_none(string arguments, string expected)
    {
        var message = """[{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"ARGUMENTS"}}]}]""".Replace("ARGUMENTS", arguments, StringComparison.Ordinal);
        Render("{{ messages[0].tool_calls[0].function.arguments }}", message).ShouldBe(expected);
        Render("{{ messages[0].tool_calls[0].function.arguments is string }}", message).ShouldBe(expected == "{'a': 1}" ? "False" : "True");
        Render("{{ messages[0].tool_calls[0].function.name ~ messages[0].tool_calls[0].id }}", message).ShouldBe("f1");
    }

    [Fact]
    public void Arguments_of_an_old_style_call_become_an_object_too() =>
        Render("{{ messages[0].function_call.arguments.a }}",
            """[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"a\": 7}"}}]""").ShouldBe("7");

    [Fact]
    public void Text_parts_are_joined_by_newlines_for_templates_that_expect_strings() =>
        Render(Loop, Parts).ShouldBe("[a\nb]");

    [Theory]
    [InlineData("{% for p in messages[0].content %}{{ p.text }}+{% endfor %}")]
    [InlineData("{% for m in messages %}{% if m['content'] is string %}{% else %}{% for p in m['content'] %}{{ p['text'] }}+{% endfor %}{% endif %}{% endfor %}")]
    [InlineData("{% set c = messages[0].content %}{% for p in c %}{{ p.text }}+{% endfor %}")]
    [InlineData("{% macro show(content) %}{% for p in content %}{{ p.text }}+{% endfor %}{% endmacro %}{{ show(messages[0].content) }}")]
    [InlineData("{% for p in messages[0].content|selectattr('type', 'equalto', 'text') %}{{ p.text }}+{% endfor %}")]
    public void Parts_are_kept_for_templates_that_loop_over_them(string template) =>
        Render(template, Parts).ShouldBe("a+b+");

    [Theory]
    [InlineData("""{}""", "messages must be an array")]
    [InlineData("""[1]""", "messages[0] must be an object")]
    [InlineData("""[{"role":"user","content":"a"},{"content":"x"}]""", "messages[1].role must be a string")]
    [InlineData("""[{"role":1,"content":"x"}]""", "messages[0].role must be a string")]
    [InlineData("""[{"role":"user","content":5}]""", "messages[0].content must be a string or an array of parts")]
    [InlineData("""[{"role":"user","content":["x"]}]""", "messages[0].content[0] must be an object")]
    [InlineData("""[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"}]}]""", "messages[0].content[1].type must be 'text'")]
    [InlineData("""[{"role":"user","content":[{"type":"text","text":1}]}]""", "messages[0].content[0].text must be a string")]
    [InlineData("""[{"role":"user","content":"\ud800"}]""", "half a surrogate pair")]
    public void Malformed_messages_are_refused_with_their_place(string messages, string reason) =>
        Should.Throw<TemplateException>(() => Render(Loop, messages)).Message.ShouldContain(reason);

    [Fact]
    public void Tools_and_arguments_of_the_wrong_kind_are_refused()
    {
        var template = ChatTemplate.Parse("x");
        Should.Throw<TemplateException>(() => template.Render(Input("[]") with { Tools = Json("{}") })).Message.ShouldBe("tools must be an array");
        Should.Throw<TemplateException>(() => template.Render(Input("[]") with { Arguments = Json("[]") })).Message.ShouldContain("must be an object");
        Should.Throw<TemplateException>(() => template.Render(Input("[]") with { Arguments = Json("""{"messages":[]}""") })).Message.ShouldContain("'messages'");
    }

    [Fact]
    public void No_tools_and_an_empty_list_of_tools_are_none()
    {
        var template = ChatTemplate.Parse("{{ tools is none }}{{ documents is none }}");
        template.Render(Input("[]")).ShouldBe("TrueTrue");
        template.Render(Input("[]") with { Tools = Json("[]"), Documents = Json("null") }).ShouldBe("TrueTrue");
    }

    [Theory]
    [InlineData("""[{"role":"user","content":"q"},{"role":"assistant","content":" Once upon "}]""", "[q][Once upon ")]
    [InlineData("""[{"role":"assistant","content":""}]""", "[")]
    [InlineData("""[{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]""", "[a\nb")]
    public void A_continued_message_ends_where_its_content_ends(string messages, string expected)
    {
        var input = Input(messages) with { ContinueFinalMessage = true };
        ChatTemplate.Parse(Loop).Render(input).ShouldBe(expected);
        ChatTemplate.Parse(Loop).RenderPieces(input)[0].ShouldBe(new("[", IsUserData: false));
    }

    [Fact]
    public void Only_a_shown_last_message_with_text_can_be_continued()
    {
        string Continued(string template, string messages) => ChatTemplate.Parse(template).Render(Input(messages) with { ContinueFinalMessage = true });
        Should.Throw<TemplateException>(() => Continued("fixed", """[{"role":"user","content":"a"}]""")).Message.ShouldContain("does not show");
        Should.Throw<TemplateException>(() => Continued(Loop, """[{"role":"assistant","content":null}]""")).Message.ShouldContain("messages[0].content");
        Should.Throw<TemplateException>(() => Continued(Loop, "[]")).Message.ShouldContain("no message to continue");
        Should.Throw<TemplateException>(() => ChatTemplate.Parse(Loop).Render(Input("[]") with { ContinueFinalMessage = true, AddGenerationPrompt = true }))
            .Message.ShouldContain("exclude each other");
    }

    [Fact]
    public void A_refusal_by_the_template_carries_its_own_words()
    {
        var error =
            Should.Throw<TemplateException>(() => Render("{{ raise_exception('roles must ' ~ 'alternate') }}", "[]"));
        error.Message.ShouldBe("roles must alternate");
        error.IsUserRaised.ShouldBeTrue();
    }

    [Fact]
    public void Errors_name_the_line_and_no_message_text()
    {
        var error = Should.Throw<TemplateException>(() => Render("a\n{% set c = messages[0].content %}\n{{ c + 1 }}", """[{"role":"user","content":"secret"}]"""));
        error.Line.ShouldBe(3);
        error.Message.ShouldBe("chat template, line 3: '+' is not supported between 'str' and 'int'");
        foreach (var use in new[] { "{}[c].x", "c.nope.x", "none[c].x", "c|int + c", "c < 1", "{c: [1]}[c].x.y", "c % c", "c.index('z')", "c|from_json" })
        {
            Should.Throw<TemplateException>(() => Render("{% set c = messages[0].content %}{{ " + use + " }}", """[{"role":"user","content":"secret%"}]"""))
                .Message.ShouldNotContain("secret");
        }
    }

    private static string Render(string template, string messages) =>
        ChatTemplate.Parse(template).Render(Input(messages));
}
