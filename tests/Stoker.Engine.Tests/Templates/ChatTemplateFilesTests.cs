using Stoker.Engine.Templates;
using static Stoker.Engine.Tests.Templates.ChatTemplatePiecesTests;

namespace Stoker.Engine.Tests.Templates;

public sealed class ChatTemplateFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("stoker-templates-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_folder_without_any_template_has_none()
    {
        ChatTemplate.Load(_folder).ShouldBeNull();
        Write("tokenizer_config.json", """{"bos_token":"<s>","chat_template":null}""");
        ChatTemplate.Load(_folder).ShouldBeNull();
    }

    [Fact]
    public void The_template_file_wins_over_the_configuration()
    {
        Write("tokenizer_config.json", """{"chat_template":"config"}""");
        Rendered().ShouldBe("config");
        Write("chat_template.jinja", "\uFEFFfile");
        Rendered().ShouldBe("file");
    }

    [Fact]
    public void Requests_with_tools_get_the_template_for_tools()
    {
        Write("tokenizer_config.json", """{"chat_template":[{"name":"default","template":"plain"},{"name":"tool_use","template":"tools"},{"name":"rag","template":"rag"}]}""");
        Rendered().ShouldBe("plain");
        Rendered("""[{"type":"function"}]""").ShouldBe("tools");
        Rendered("[]").ShouldBe("plain");
    }

    [Fact]
    public void Additional_templates_are_found_by_name()
    {
        Write("chat_template.jinja", "plain");
        Rendered("[1]").ShouldBe("plain");
        Write("additional_chat_templates/tool_use.jinja", "tools");
        Rendered("[1]").ShouldBe("tools");
    }

    [Fact]
    public void Special_tokens_are_variables_in_all_their_spellings()
    {
        Write("special_tokens_map.json", """{"unk_token":"<unk>","bos_token":"old"}""");
        Write("tokenizer_config.json", """{"bos_token":"<s>","eos_token":{"content":"</s>","lstrip":false},"pad_token":null,"add_bos_token":true,"additional_special_tokens":["<a>",{"content":"<b>"}]}""");
        Write("chat_template.jinja", "{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token is defined }}{{ add_bos_token is defined }}{{ additional_special_tokens|join }}");
        Rendered().ShouldBe("<s></s><unk>FalseFalse<a><b>");
    }

    [Theory]
    [InlineData("chat_template.jinja", "a\n{% if %}", "chat_template.jinja: line 2: expected an expression")]
    [InlineData("chat_template.jinja", "{% include 'x' %}", "'include' is not supported")]
    [InlineData("chat_template.jinja", "{% import 'x' as y %}", "'import' is not supported")]
    [InlineData("chat_template.jinja", "{% extends 'x' %}", "'extends' is not supported")]
    [InlineData("chat_template.jinja", "{% from 'x' import y %}", "'from' is not supported")]
    [InlineData("chat_template.jinja", "{% block x %}{% endblock %}", "'block' is not supported")]
    [InlineData("chat_template.jinja", "{% for x in y recursive %}{% endfor %}", "recursive loops are not supported")]
    [InlineData("chat_template.jinja", "{{ x|fancy }}", "no filter named 'fancy'")]
    [InlineData("chat_template.jinja", "{{ x is fancy }}", "no test named 'fancy'")]
    [InlineData("chat_template.jinja", "{% do x %}", "unknown tag 'do'")]
    [InlineData("additional_chat_templates/tool_use.jinja", "{{", "additional_chat_templates/tool_use.jinja: line 1")]
    [InlineData("tokenizer_config.json", """{"chat_template":"\n\n{% endif %}"}""", "tokenizer_config.json: chat_template: line 3: unknown tag 'endif'")]
    [InlineData("tokenizer_config.json", """{"chat_template":5}""", "must be a string or a list")]
    [InlineData("tokenizer_config.json", """{"chat_template":[{"name":"default"}]}""", "must be a string or a list")]
    [InlineData("tokenizer_config.json", """{"chat_template":[{"name":"rag","template":"x"}]}""", "lack one called 'default'")]
    [InlineData("tokenizer_config.json", "{\n\"a\":\n", "tokenizer_config.json: is not valid JSON (line 3")]
    [InlineData("tokenizer_config.json", "[]", "must hold a JSON object")]
    [InlineData("tokenizer_config.json", """{"chat_template":"\ud800"}""", "tokenizer_config.json: holds a string that is not valid Unicode")]
    [InlineData("tokenizer_config.json", """{"\uDFFF_token":"x"}""", "tokenizer_config.json: holds a string that is not valid Unicode")]
    [InlineData("special_tokens_map.json", "nope", "special_tokens_map.json: is not valid JSON")]
    public void A_broken_file_is_named_with_its_line(string file, string text, string message)
    {
        if (file != "chat_template.jinja" && file != "tokenizer_config.json") Write("chat_template.jinja", "ok");
        Write(file, text);
        Should.Throw<ModelLoadException>(() => ChatTemplate.Load(_folder)).Message.ShouldContain(message);
    }

    [Fact]
    public void A_template_that_is_no_text_is_refused()
    {
        File.WriteAllBytes(Path.Combine(_folder, "chat_template.jinja"), [0x61, 0xff, 0xfe]);
        Should.Throw<ModelLoadException>(() => ChatTemplate.Load(_folder)).Message.ShouldContain("is no UTF-8 text");
    }

    [Theory]
    [InlineData("chat_template.jinja")]
    [InlineData("tokenizer_config.json")]
    public void A_file_of_any_size_is_not_read(string file)
    {
        // takes no space on disk
        using (var stream = File.Create(Path.Combine(_folder, file))) stream.SetLength(1L << 40);
        Should.Throw<ModelLoadException>(() => ChatTemplate.Load(_folder)).Message.ShouldContain("at most 16777216 are allowed");
    }

    private void Write(string file, string text)
    {
        var path = Path.Combine(_folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    private string Rendered(string? tools = null) => ChatTemplate.Load(_folder).ShouldNotBeNull()
        .Render(Input("[]") with { Tools = tools is null ? null : Json(tools) });
}
