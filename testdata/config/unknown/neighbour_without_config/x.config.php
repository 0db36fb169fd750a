<?php
$OTHER = 1;
