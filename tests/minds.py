"""A mind with prepared answers, for what is done with an answer."""

from __future__ import annotations

from typing import Any

from ultimate_discord_intelligence_bot.errors import LanguageModelError
from ultimate_discord_intelligence_bot.llm.question import A, Answer, Question


class Prepared:
    """Gives the prepared answers one after the other; an error is raised.

    Attributes:
        context: tokens that it reads and writes at once.
        questions: as they were asked.
    """

    def __init__(self, *answers: Answer | LanguageModelError, context: int = 100_000) -> None:
        self._answers = list(answers)
        self.context = context
        self.questions: list[Question[Any]] = []

    async def ask(self, question: Question[A]) -> A:
        self.questions.append(question)
        answer = self._answers.pop(0)
        if isinstance(answer, LanguageModelError):
            raise answer
        assert isinstance(answer, question.prompt.answer)
        return answer
